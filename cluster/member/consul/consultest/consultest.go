// Package consultest runs a real Consul agent on loopback for tests and measurements.
//
// The agent is `consul agent -dev`: one server, all state in memory, on free ports. A restart therefore always begins
// with empty state, which is the hard case for whoever registered something.
//
// The binary is $GENDAC_CONSUL, or .tools/consul at the top of the repository, or consul on the PATH, in this order.
package consultest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/porttest"
)

// Install is the command that builds the binary where [Find] looks for it.
const Install = "go run ./bench/cmd/check -install"

// ErrMissing says that no Consul binary was found.
var ErrMissing = errors.New("consultest: no consul binary in $GENDAC_CONSUL, .tools/ or $PATH; build it with: " + Install)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 5 * time.Second
	startTries   = 3 // a port that was free a moment ago may be taken
)

// Find returns the path of the Consul binary, or ErrMissing.
func Find() (string, error) {
	if path := os.Getenv("GENDAC_CONSUL"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("consultest: $GENDAC_CONSUL: %w", err)
		}
		return path, nil
	}
	if root, ok := moduleRoot(); ok {
		path := filepath.Join(root, ".tools", "consul")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath("consul"); err == nil {
		return path, nil
	}
	return "", ErrMissing
}

// moduleRoot returns the directory of the nearest go.mod above the working directory, which in a test is the package's.
func moduleRoot() (string, bool) {
	dir, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// An Agent is one Consul agent at one address, running or stopped. It is for one goroutine.
type Agent struct {
	binary string
	ports  []int    // http, server, serf lan, serf wan, https
	config []string // besides, in HCL
	token  string   // that may do everything, with ACLs
	secure bool     // https too
	cmd    *exec.Cmd
	exited chan struct{}
	output strings.Builder // of the last start; read only after exited
}

// An Option changes how an agent is configured.
type Option func(*Agent)

// ACLs has the agent deny whatever a token does not allow. The token given may do everything.
func ACLs(token string) Option {
	return func(a *Agent) {
		a.token = token
		a.config = append(a.config, fmt.Sprintf("acl { enabled = true, default_policy = \"deny\", "+
			"tokens { initial_management = %q, agent = %q } }", token, token))
	}
}

// HTTPS has the agent answer at [Agent.HTTPS] too, with a certificate of its own, to clients that have one of the
// authority.
func HTTPS(caFile, certFile, keyFile string) Option {
	return func(a *Agent) {
		a.secure = true
		a.config = append(a.config, fmt.Sprintf("tls { https { ca_file = %q, cert_file = %q, key_file = %q, verify_incoming = true } }",
			caFile, certFile, keyFile))
	}
}

// Start runs an agent until the test ends. Without a binary the test is skipped, saying how to get one; when CI=true it
// fails instead.
func Start(t testing.TB, opts ...Option) *Agent {
	t.Helper()
	binary, err := Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	a, err := Launch(binary, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	return a
}

// Launch runs the binary as an agent and returns when it answers queries. The caller stops it.
func Launch(binary string, opts ...Option) (*Agent, error) {
	var err error
	for range startTries {
		a := &Agent{binary: binary}
		for _, o := range opts {
			o(a)
		}
		if a.ports, err = porttest.Free(5); err != nil {
			return nil, err
		}
		if err = a.start(); err == nil {
			return a, nil
		}
	}
	return nil, err
}

// Addr returns the address of the HTTP interface, host:port. It stays the same over Stop and Restart.
func (a *Agent) Addr() string { return fmt.Sprintf("127.0.0.1:%d", a.ports[0]) }

// HTTPS returns the address of the interface with TLS, host:port, if there is one.
func (a *Agent) HTTPS() string { return fmt.Sprintf("127.0.0.1:%d", a.ports[4]) }

// Stop ends the agent and forgets all its state. A stopped agent stays stopped.
func (a *Agent) Stop() {
	if a.cmd == nil {
		return
	}
	_ = a.cmd.Process.Signal(syscall.SIGINT) // leaves the cluster of one at once
	select {
	case <-a.exited:
	case <-time.After(stopTimeout):
		_ = a.cmd.Process.Kill()
		<-a.exited
	}
	a.cmd = nil
}

// Kill ends the agent without a goodbye, as kill -9 does.
func (a *Agent) Kill() {
	if a.cmd == nil {
		return
	}
	_ = a.cmd.Process.Kill()
	<-a.exited
	a.cmd = nil
}

// Restart stops the agent if it runs and starts it with empty state at the same address. It returns when the agent
// answers queries.
func (a *Agent) Restart() error {
	a.Stop()
	return a.start()
}

func (a *Agent) start() error {
	a.output.Reset()
	https := -1
	if a.secure {
		https = a.ports[4]
	}
	ports := fmt.Sprintf("ports { http = %d, server = %d, serf_lan = %d, serf_wan = %d, https = %d, dns = -1, grpc = -1, grpc_tls = -1 }",
		a.ports[0], a.ports[1], a.ports[2], a.ports[3], https)
	args := []string{
		"agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1", "-node", "consultest",
		"-log-level", "warn", "-hcl", ports, "-hcl", "disable_update_check = true",
	}
	for _, c := range a.config {
		args = append(args, "-hcl", c)
	}
	cmd := exec.Command(a.binary, args...)
	cmd.Stdout, cmd.Stderr = &a.output, &a.output
	dieWithParent(cmd)
	started, exited := make(chan error), make(chan struct{})
	go func() {
		// Linux ties the agent's life to the thread that started it, so this one is kept until the agent has exited.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("consultest: %w", err)
	}
	a.cmd, a.exited = cmd, exited
	if err := a.ready(); err != nil {
		a.Kill()
		return fmt.Errorf("consultest: agent at %s: %w\n%s", a.Addr(), err, a.output.String())
	}
	return nil
}

// ready waits until the agent answers a query that needs a leader, and knows its token if it has one.
func (a *Agent) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		path := "/v1/health/service/consul?passing"
		if a.token != "" {
			path = "/v1/acl/token/self"
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.Addr()+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("X-Consul-Token", a.token)
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-a.exited:
			return errors.New("it exited")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer within %v", startTimeout)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
