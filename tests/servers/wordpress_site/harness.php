<?php
// A must-use plugin: only what the tests' options switch, and leave to fetch from other loopback sites.
if (!TESTS_FLOOD_CHECK) {
    remove_all_filters('check_comment_flood');
    add_filter('wp_is_comment_flood', '__return_false', 99);
    add_filter('comment_flood_filter', '__return_false', 99);
}
add_filter('pre_option_comment_moderation', fn() => TESTS_MODERATION ? '1' : '0');
add_filter('http_request_host_is_external', fn($external, $host) => $external || $host === '127.0.0.1', 10, 2);
add_filter('http_allowed_safe_ports', fn($ports, $host, $url) => array_merge($ports, [(int) parse_url($url, PHP_URL_PORT)]), 10, 3);
