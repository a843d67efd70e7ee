// upload NAME CERT.pem KEY.pem [ENDPOINT]
//
// Uploads a certificate and its key to Alibaba Cloud CAS and prints the CertId.
//
// libcas finds the access key where Alibaba Cloud's own tools do: see docs/credentials.md.
//
// Build: go build
package main

/*
#cgo pkg-config: libcas
#include <stdlib.h>
#include <cas.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"unsafe"
)

// Error is what a call of libcas reports.
type Error struct {
	Status, Message, Hint, RequestID string
	Retryable                        bool
}

func (e *Error) Error() string { return e.Status + ": " + e.Message }

// take copies an error and frees it.
func take(err *C.cas_error) *Error {
	defer C.cas_error_free(err)
	return &Error{
		Status:    C.GoString(C.cas_status_name(C.cas_error_status(err))),
		Message:   C.GoString(C.cas_error_message(err)),
		Hint:      C.GoString(C.cas_error_hint(err)), // empty for NULL
		RequestID: C.GoString(C.cas_error_request_id(err)),
		Retryable: bool(C.cas_error_retryable(err)),
	}
}

// Client may be used by any number of goroutines at the same time.
type Client struct{ handle *C.cas_client }

// NewClient returns a client of an endpoint; empty is that of the default region.
func NewClient(endpoint string) (*Client, error) {
	config := C.cas_config_new()
	defer C.cas_config_free(config)
	if endpoint != "" {
		text := C.CString(endpoint)
		defer C.free(unsafe.Pointer(text))
		C.cas_config_set_endpoint(config, text) // cas_client_new reports a failure
	}
	var client Client
	var err *C.cas_error
	if C.cas_client_new(config, &client.handle, &err) != C.CAS_OK {
		return nil, take(err)
	}
	return &client, nil
}

// Close closes the connections. No goroutine may be using the client.
func (c *Client) Close() { C.cas_client_free(c.handle) }

// Upload stores a certificate with its key and returns the CertId. A repeated call returns the same
// one.
func (c *Client) Upload(name, certFile, keyFile string) (int64, error) {
	request := C.cas_request_new()
	defer C.cas_request_free(request)
	var texts [3]*C.char
	for i, text := range []string{name, certFile, keyFile} {
		texts[i] = C.CString(text)
		defer C.free(unsafe.Pointer(texts[i]))
	}
	// What these functions refuse, the upload reports.
	C.cas_request_set_name(request, texts[0])
	C.cas_request_load_cert_file(request, texts[1], nil)
	C.cas_request_load_key_file(request, texts[2], nil)
	var result *C.cas_result
	var err *C.cas_error
	if C.cas_create_user_certificate(c.handle, request, &result, &err) != C.CAS_OK {
		return 0, take(err)
	}
	defer C.cas_result_free(result)
	return int64(C.cas_result_cert_id(result)), nil
}

func run(name, certFile, keyFile, endpoint string) error {
	client, err := NewClient(endpoint)
	if err != nil {
		return err
	}
	defer client.Close()
	id, err := client.Upload(name, certFile, keyFile)
	if err != nil {
		return err
	}
	_, err = fmt.Println("CertId:", id)
	return err
}

func main() {
	if len(os.Args) != 4 && len(os.Args) != 5 {
		fmt.Fprintf(os.Stderr, "usage: %s NAME CERT.pem KEY.pem [ENDPOINT]\n", os.Args[0])
		os.Exit(2)
	}
	arguments := append(os.Args[1:], "")
	err := run(arguments[0], arguments[1], arguments[2], arguments[3])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	var failure *Error
	if errors.As(err, &failure) {
		if failure.Hint != "" {
			fmt.Fprintln(os.Stderr, "  What to do:", failure.Hint)
		}
		if failure.RequestID != "" {
			fmt.Fprintln(os.Stderr, "  RequestId:", failure.RequestID)
		}
	}
	os.Exit(1)
}
