<?php
// Writes php_vectors.json: what PHP itself makes of forms, casts and JSON.
// php tests/testing/data/php_vectors.php > tests/testing/data/php_vectors.json
error_reporting(0);

$forms = [
    '', 'a=1', 'a', 'a=', '=1', '&&a=1&', 'a=1&a=2', 'a=1&a[b]=2', 'a[b]=1&a=2', 'a[]=1&a[]=2', 'a[5]=x&a[]=y',
    'a[01]=x&a[]=y', 'a[-3]=x&a[]=y', 'a[x]=1&a[]=2', 'vars[lines][0][amount]=9.99&vars[lines][1][amount]=1',
    'vars[lines][][amount]=1&vars[lines][][amount]=2', 'a[b', 'a[b]c=1', 'a[b]c[d]=1', 'a[b][c=1', 'a]b=1', '[a]=1', 'a b=1',
    'a.b=1', 'a[b.c]=1', 'a[b c]=1', ' a=1', 'a%5Bb%5D=1', 'a+b=1+2', 'a=%2B', 'a=1%262', 'a[ ]=1', 'a[][]=1&a[][]=2',
    'a[[b]]=1', 'a[b[c]]=1', 'a=1;b=2', 'a==b', 'order_by[invoices.id]=ASC', "a[0]=x&a['k']=y", 'a%00b=1', 'a[%00b]=1',
    'x=%C3%A9&y=%E2%82%AC', 'a[1.5]=x&a[]=y', 'a[9223372036854775807]=x', 'a[99999999999999999999]=x&a[]=y', 'a[0][b]=1&a[0][c]=2',
    'a[%5D]=1', 'a.b[c.d]=1', 'a.[b=1', 'a[b].c=2', 'a  b=1', 'a[ b]=1', 'a[+]=1', 'a[0]=1&a[0]=2', 'a[]=&a[]=0',
    'a' . str_repeat('[x]', 64) . '=deep', 'a' . str_repeat('[x]', 65) . '=too+deep',
    implode('&', array_map(fn ($i) => "v$i=$i", range(0, 1001))),
];
$decoded = [];
foreach ($forms as $form) {
    parse_str($form, $result);
    $decoded[] = ['form' => $form, 'array' => $result ?: new stdClass()];
}

$casts = [];
foreach (['', '0', '1', 'false', 'true', '00', '0.0', ' 1', '1 ', '12abc', 'abc', '-5', '+7', '1e3', '.5', '5.', '1e', '0x1A', "1\n",
    '9.99', '-0', ' ', 'null', '1,000', '--1'] as $text) {
    $casts[] = ['text' => $text, 'bool' => (bool) $text, 'int' => (int) $text, 'numeric' => is_numeric($text)];
}

$numbers = [];
foreach (['10.0000', '7.5000', '0.1000', '-3.2500', '0.0000', '123456789.1234', '19.9900'] as $text) {
    $numbers[] = ['decimal' => $text, 'json' => json_encode((float) $text)];
}

$texts = [];
foreach (["a/b", "é€", "\u{1F600}", "\"\\", "tab\t", "line\nfeed", "</script>", "\u{7f}", "'", "\u{2028}", "\x08\x0c\r", "\\u007f\u{7f}", ""] as $text) {
    $texts[] = ['text' => $text, 'json' => json_encode($text)];
}

$flags = JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_FORCE_OBJECT;
echo json_encode(
    ['php' => PHP_VERSION, 'forms' => $decoded, 'casts' => $casts, 'numbers' => $numbers, 'texts' => $texts],
    $flags
), "\n";
