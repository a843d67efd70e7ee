package uploader

// A fixture for package testing: cas-emulator, started once by TestMain and empty before each test.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// emulatorURL is the endpoint; the access key is testid, testsecret.
var emulatorURL string

func TestMain(m *testing.M) {
	os.Exit(runWithEmulator(m))
}

func runWithEmulator(m *testing.M) int {
	program := os.Getenv("CAS_EMULATOR")
	if program == "" {
		program = "cas-emulator"
	}
	command := exec.Command(program, "--quiet", "--listen", "127.0.0.1:0")
	output, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cas-emulator:", err)
		return 1
	}
	defer func() {
		command.Process.Kill()
		command.Wait()
	}()
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		fmt.Fprintln(os.Stderr, "cas-emulator:", err)
		return 1
	}
	fields := strings.Fields(line)
	emulatorURL = fields[len(fields)-1]
	return m.Run()
}

// control calls the control interface and returns the response.
func control(t *testing.T, method, path string, body any) (int, []byte) {
	t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(method, emulatorURL+"/_emulator/"+path, bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, received
}

// reset empties the emulator. Call it first in each test.
func reset(t *testing.T) {
	t.Helper()
	control(t, "POST", "reset", nil)
}

// expectation is a call that a test expects.
type expectation struct {
	Action string  `json:"action,omitempty"`
	Name   string  `json:"name,omitempty"`
	Code   *string `json:"code,omitempty"`
	Times  int     `json:"times"`
}

// verify fails the test with a list of differences unless the emulator received these calls.
func verify(t *testing.T, calls ...expectation) {
	t.Helper()
	status, body := control(t, "POST", "verify", map[string]any{"calls": calls})
	if status != http.StatusOK {
		t.Errorf("%s", body)
	}
}
