#!/usr/bin/perl
# upload.pl NAME CERT.pem KEY.pem [ENDPOINT]
#
# Uploads a certificate and its key to Alibaba Cloud CAS and prints the CertId.
#
# libcas finds the access key where Alibaba Cloud's own tools do: see docs/credentials.md.
# Needs FFI::Platypus (Debian: libffi-platypus-perl; Fedora: perl-FFI-Platypus).
use strict;
use warnings;
use FFI::Platypus 1.00;

if (@ARGV != 3 && @ARGV != 4) {
    print STDERR "usage: $0 NAME CERT.pem KEY.pem [ENDPOINT]\n";
    exit 2;
}
my ($name, $cert, $key, $endpoint) = @ARGV;

# The name with the number: every libcas.so.0 has these functions with these meanings.
my $ffi = FFI::Platypus->new(api => 1, lib => 'libcas.so.0');
my %functions = (
    cas_status_name             => [['sint32'] => 'string'],
    cas_error_status            => [['opaque'] => 'sint32'],
    cas_error_message           => [['opaque'] => 'string'],
    cas_error_hint              => [['opaque'] => 'string'],
    cas_error_request_id        => [['opaque'] => 'string'],
    cas_error_free              => [['opaque'] => 'void'],
    cas_config_new              => [[] => 'opaque'],
    cas_config_set_endpoint     => [['opaque', 'string'] => 'sint32'],
    cas_config_free             => [['opaque'] => 'void'],
    cas_client_new              => [['opaque', 'opaque*', 'opaque*'] => 'sint32'],
    cas_client_free             => [['opaque'] => 'void'],
    cas_request_new             => [[] => 'opaque'],
    cas_request_set_name        => [['opaque', 'string'] => 'sint32'],
    cas_request_load_cert_file  => [['opaque', 'string', 'opaque*'] => 'sint32'],
    cas_request_load_key_file   => [['opaque', 'string', 'opaque*'] => 'sint32'],
    cas_request_free            => [['opaque'] => 'void'],
    cas_create_user_certificate => [['opaque', 'opaque', 'opaque*', 'opaque*'] => 'sint32'],
    cas_result_cert_id          => [['opaque'] => 'sint64'],
    cas_result_free             => [['opaque'] => 'void'],
);
$ffi->attach($_ => @{ $functions{$_} }) for keys %functions;

# Prints what failed, how to fix it, and what Alibaba Cloud's support asks for.
sub print_error {
    my ($error) = @_;
    my ($hint, $id) = (cas_error_hint($error), cas_error_request_id($error));
    print STDERR cas_status_name(cas_error_status($error)), ': ', cas_error_message($error), "\n";
    print STDERR "  What to do: $hint\n" if defined $hint;
    print STDERR "  RequestId: $id\n" if defined $id;
}

my ($client, $result, $error);    # NULL
my $config  = cas_config_new();
my $request = cas_request_new();

# What these functions refuse, cas_client_new and the upload report.
cas_config_set_endpoint($config, $endpoint) if defined $endpoint;
cas_request_set_name($request, $name);
cas_request_load_cert_file($request, $cert, undef);
cas_request_load_key_file($request, $key, undef);

my $status = cas_client_new($config, \$client, \$error);
$status = cas_create_user_certificate($client, $request, \$result, \$error) if $status == 0;
if ($status == 0) {
    print 'CertId: ', cas_result_cert_id($result), "\n";
} else {
    print_error($error);
}

# NULL is allowed everywhere.
cas_error_free($error);
cas_result_free($result);
cas_request_free($request);
cas_client_free($client);
cas_config_free($config);
exit($status == 0 ? 0 : 1);
