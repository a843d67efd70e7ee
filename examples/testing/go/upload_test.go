package uploader

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// upload calls CreateUserCertificate, signed with HMAC-SHA1. CAS_TEST_CERT and CAS_TEST_KEY are
// files for the test.
func upload(t *testing.T, name string) (int64, string) {
	t.Helper()
	form := url.Values{
		"AccessKeyId":      {"testid"},
		"Action":           {"CreateUserCertificate"},
		"Cert":             {file(t, "CAS_TEST_CERT")},
		"Format":           {"JSON"},
		"Key":              {file(t, "CAS_TEST_KEY")},
		"Name":             {name},
		"SignatureMethod":  {"HMAC-SHA1"},
		"SignatureNonce":   {fmt.Sprint(time.Now().UnixNano())},
		"SignatureVersion": {"1.0"},
		"Timestamp":        {time.Now().UTC().Format("2006-01-02T15:04:05Z")},
		"Version":          {"2018-07-13"},
	}
	mac := hmac.New(sha1.New, []byte("testsecret&"))
	// Encode sorts by name. It writes a space as "+", which the signature does not.
	query := strings.ReplaceAll(form.Encode(), "+", "%20")
	mac.Write([]byte("POST&%2F&" + strings.ReplaceAll(url.QueryEscape(query), "+", "%20")))
	form.Set("Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	response, err := http.PostForm(emulatorURL, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		CertId int64
		Code   string
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.CertId, answer.Code
}

func file(t *testing.T, variable string) string {
	t.Helper()
	text, err := os.ReadFile(os.Getenv(variable))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestACertificateIsStoredOnce(t *testing.T) {
	reset(t)
	if id, code := upload(t, "www"); id <= 0 {
		t.Fatal(code)
	}
	verify(t, expectation{Action: "CreateUserCertificate", Name: "www", Times: 1})
}

func TestAServiceThatIsDownStoresNothing(t *testing.T) {
	reset(t)
	fault := map[string]any{"kind": "error", "status": 503, "code": "ServiceUnavailable"}
	control(t, "POST", "faults", fault)
	if _, code := upload(t, "www"); code != "ServiceUnavailable" {
		t.Fatal(code)
	}
	if _, stored := control(t, "GET", "certificates", nil); string(stored) != "[]" {
		t.Fatalf("%s", stored)
	}
}
