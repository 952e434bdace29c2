<?php
// Installs WordPress into the database of the site in $argv[1] and prints both application passwords as JSON.
define('WP_INSTALLING', true);
$_SERVER += ['HTTP_HOST' => '127.0.0.1', 'REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/', 'SERVER_PROTOCOL' => 'HTTP/1.1'];
require $argv[1] . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

wp_install('Muster GmbH', 'admin', 'admin@example.com', true, '', wp_generate_password());
foreach (get_comments(['fields' => 'ids']) as $id) wp_delete_comment($id, true);
foreach (get_posts(['post_type' => 'any', 'post_status' => 'any', 'numberposts' => -1]) as $post) wp_delete_post($post->ID, true);
$desk = wp_insert_user(['user_login' => 'desk', 'user_pass' => wp_generate_password(), 'role' => 'editor',
    'user_email' => 'desk@example.com', 'display_name' => 'Service-Team']);

update_option('permalink_structure', '/%year%/%monthnum%/%postname%/');
delete_option('rewrite_rules'); // WordPress writes them at the first request
foreach ([
    'comment_previously_approved' => '0', 'comment_moderation' => '0', 'thread_comments' => '1',
    'thread_comments_depth' => '5', 'comments_notify' => '0', 'moderation_notify' => '0',
    'default_comment_status' => 'open', 'default_ping_status' => 'open', 'timezone_string' => 'Europe/Berlin',
] as $name => $value) update_option($name, $value);

$keys = [];
foreach (['admin' => 1, 'desk' => $desk] as $name => $id) {
    $made = WP_Application_Passwords::create_new_application_password($id, ['name' => 'tests']);
    if (is_wp_error($made)) { fwrite(STDERR, $made->get_error_message()); exit(1); }
    $keys[$name] = $made[0];
}
echo json_encode($keys);
