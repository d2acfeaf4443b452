<?php
/*
 * Prints what PHP's own http_build_query makes of the argument trees below, as JSON on standard output:
 *     php http_build_query.php > http_build_query.json
 * Each vector holds the tree as JSON can carry it, the query, and the tree that PHP's parser makes of the query again.
 */
$vectors = [
    'scalars' => ['client_id' => 5, 'name' => 'Ada', 'ratio' => '9.9900', 'zero' => 0, 'negative' => -3],
    'flags' => ['yes' => true, 'no' => false],
    'space becomes plus' => ['title' => 'a b  c'],
    'reserved' => ['q' => 'a&b=c+d%e#f?g/h:i;j,k@l!m$n\'o(p)'],
    'tilde star dash dot underscore' => ['q' => '~*-._'],
    'brackets in a value' => ['q' => '[x]{y}<z>"\\^`|'],
    'line ends and tab' => ['q' => "a\r\nb\tc"],
    'nul and control' => ['q' => "a\0b\x1b\x7f"],
    'latin' => ['q' => 'Crème brûlée'],
    'beyond the basic plane' => ['q' => "\u{1F600} \u{202E}rtl \u{0645}"],
    'empty text' => ['company' => ''],
    'order' => ['order_by' => ['id' => 'ASC']],
    'list' => ['service_ids' => [7, 8, 9]],
    'list of maps' => ['vars' => ['lines' => [
        ['description' => 'Hosting', 'qty' => 1, 'amount' => '10.00'],
        ['description' => 'Set-up fee', 'qty' => 2, 'amount' => '-2.50'],
    ]]],
    'list in a map in a list' => ['values' => [['pricing' => [['term' => 1], ['term' => 12]]]]],
    'five levels' => ['a' => ['b' => ['c' => ['d' => ['e' => 'f']]]]],
    'number-like keys' => ['vars' => ['configoptions' => ['17' => 'x', '18' => 'y']]],
    'keys with spaces, dots and unicode' => ['vars' => ['a b' => 1, 'c.d' => 2, 'é' => 3, 'x~*y' => 4]],
    'mixed order is kept' => ['z' => 1, 'a' => ['y' => 2, 'b' => 3], 'm' => 4],
    'flag inside a list' => ['vars' => ['set' => [true, false, true]]],
    // Where we differ on purpose: PHP drops these without a word.
    'null' => ['a' => null, 'b' => 1],
    'null in a list' => ['a' => [1, null, 2]],
    'empty list' => ['a' => [], 'b' => 1],
    'float with an exponent' => ['a' => 1e20],
];
$out = [];
foreach ($vectors as $name => $tree) {
    $query = http_build_query($tree);
    parse_str($query, $parsed);
    $out[] = ['name' => $name, 'tree' => $tree, 'query' => $query, 'parsed' => $parsed];
}
echo json_encode(
    ['php' => PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION, 'vectors' => $out],
    JSON_PRETTY_PRINT | JSON_THROW_ON_ERROR
), "\n";
