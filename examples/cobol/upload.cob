*> upload NAME CERT.pem KEY.pem [ENDPOINT]
*>
*> Uploads a certificate and its key to Alibaba Cloud CAS and
*> prints the CertId.
*>
*> libcas finds the access key where Alibaba Cloud's own tools
*> do: see docs/credentials.md.
*>
*> Build with GnuCOBOL 3:
*>   cobc -x -free upload.cob $(pkg-config --libs libcas)
identification division.
program-id. upload.

data division.
working-storage section.
*> Handles of libcas. A null pointer is none.
01 config                 usage pointer value null.
01 client                 usage pointer value null.
01 request                usage pointer value null.
01 result                 usage pointer value null.
01 failure                usage pointer value null.
01 none                   usage pointer value null.
01 text-pointer           usage pointer value null.
01 cas-status             usage binary-long value 0.
   88 cas-ok              value 0.
01 ignored                usage binary-long.
*> A CertId has 64 bits. GnuCOBOL takes 32 of what a function returns, but all of a pointer.
01 returned               usage pointer.
01 cert-id                redefines returned usage binary-double.
01 cert-id-shown          pic z(18)9.

*> C strings end in a NUL: arguments are at most 4095 bytes long.
01 argument-count         usage binary-long.
01 cert-name              pic x(4096).
01 cert-path              pic x(4096).
01 key-path               pic x(4096).
01 endpoint               pic x(4096).
01 exit-status            usage binary-long value 1.
01 text-length            usage binary-long.

linkage section.
01 c-string               pic x(65536).

procedure division.
main-section.
    accept argument-count from argument-number
    if argument-count not = 3 and argument-count not = 4
        display "usage: upload NAME CERT.pem KEY.pem [ENDPOINT]" upon syserr
        stop run returning 2
    end-if
    perform read-arguments

    call static "cas_config_new" returning config end-call
    call static "cas_request_new" returning request end-call
    *> What these functions refuse, cas_client_new and the upload report.
    if argument-count = 4
        call static "cas_config_set_endpoint" using by value config by reference endpoint
            returning ignored end-call
    end-if
    call static "cas_request_set_name" using by value request by reference cert-name
        returning ignored end-call
    call static "cas_request_load_cert_file" using by value request by reference cert-path
        by value none returning ignored end-call
    call static "cas_request_load_key_file" using by value request by reference key-path
        by value none returning ignored end-call

    call static "cas_client_new" using by value config by reference client by reference failure
        returning cas-status end-call
    if cas-ok
        call static "cas_create_user_certificate" using by value client by value request
            by reference result by reference failure returning cas-status end-call
    end-if
    if cas-ok
        call static "cas_result_cert_id" using by value result returning returned end-call
        move cert-id to cert-id-shown
        display "CertId: " function trim(cert-id-shown)
        move 0 to exit-status
    else
        perform display-failure
    end-if

    *> A null pointer is allowed everywhere.
    call static "cas_error_free" using by value failure returning nothing end-call
    call static "cas_result_free" using by value result returning nothing end-call
    call static "cas_request_free" using by value request returning nothing end-call
    call static "cas_client_free" using by value client returning nothing end-call
    call static "cas_config_free" using by value config returning nothing end-call
    stop run returning exit-status.

*> Each argument, followed by NULs instead of blanks.
read-arguments.
    accept cert-name from argument-value
    accept cert-path from argument-value
    accept key-path from argument-value
    if argument-count = 4
        accept endpoint from argument-value
    end-if
    string function trim(cert-name trailing) x"00" delimited by size into cert-name
    string function trim(cert-path trailing) x"00" delimited by size into cert-path
    string function trim(key-path trailing) x"00" delimited by size into key-path
    string function trim(endpoint trailing) x"00" delimited by size into endpoint.

*> Displays what failed, how to fix it, and what Alibaba Cloud's support asks for.
display-failure.
    call static "cas_status_name" using by value cas-status returning text-pointer end-call
    perform display-text
    display ": " upon syserr no advancing
    call static "cas_error_message" using by value failure returning text-pointer end-call
    perform display-text
    display x"0A" upon syserr no advancing
    call static "cas_error_hint" using by value failure returning text-pointer end-call
    if text-pointer not = null
        display "  What to do: " upon syserr no advancing
        perform display-text
        display x"0A" upon syserr no advancing
    end-if
    call static "cas_error_request_id" using by value failure returning text-pointer end-call
    if text-pointer not = null
        display "  RequestId: " upon syserr no advancing
        perform display-text
        display x"0A" upon syserr no advancing
    end-if.

*> Displays a C string, without its NUL. Nothing behind the NUL is read.
display-text.
    set address of c-string to text-pointer
    perform varying text-length from 0 by 1 until c-string(text-length + 1:1) = x"00"
        continue
    end-perform
    display c-string(1:text-length) upon syserr no advancing.
