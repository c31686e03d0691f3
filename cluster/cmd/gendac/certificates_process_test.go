//go:build process

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gendac/gendac/cluster/admin"
)

// TestTheDocumentedCertificatesWork runs the commands of docs/operating.md and starts members with what they make.
func TestTheDocumentedCertificatesWork(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("needs openssl, whose commands are documented")
	}
	text, err := os.ReadFile("../../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Certificates\n")
	_, block, opened := strings.Cut(section, "```sh\n")
	commands, _, closed := strings.Cut(block, "```")
	if !found || !opened || !closed || !strings.Contains(commands, "openssl") {
		t.Fatal("docs/operating.md shows no commands for certificates")
	}
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-e", "-c", commands)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	s := newSite(t, "fast")
	for _, name := range []string{"a1", "b1", "w1"} {
		s.start(t, name, "--tls-cert", at(name+".pem"), "--tls-key", at(name+".key"), "--tls-ca", at("ca.pem"))
	}
	s.await(t, s.leader(t, "w1"), "a1 active, normal", pair("a1", "b1", "normal"))

	// The witness's certificate is not a1's, and a file that is no good keeps what was read.
	status, _, stderr := gendac(t, "node", "-f", s.file, "--name", "a1", "--memory", "--admin", "",
		"--tls-cert", at("w1.pem"), "--tls-key", at("w1.key"), "--tls-ca", at("ca.pem"))
	if status != exitUsage || !strings.Contains(stderr, `names ["w1"] and not member "a1"`) {
		t.Errorf("a1 with w1's certificate: %d %q", status, stderr)
	}
	if err := os.WriteFile(at("b1.pem"), []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.running["b1"].Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.await(t, "b1", "still linked", func(st admin.Status) bool {
		a, _ := st.Instance("pair/daemon", "a1")
		return st.Leader != "" && a.Role == "active"
	})
}
