package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// etcd is a cluster of three etcd processes beside ours; nil where there is none.
type etcd struct {
	dir     string
	load    string
	clients []string
	cmds    []*exec.Cmd
}

// startEtcd starts etcd if it is installed, and says so if it is not. Without a disk it runs on tmpfs, as ours in memory.
func startEtcd(ctx context.Context, o options, dir string, out io.Writer) (*etcd, error) {
	if o.etcd == "" {
		return nil, nil
	}
	binary, err := exec.LookPath(o.etcd)
	if err != nil {
		fmt.Fprintf(out, "NOT beside etcd: %v; Debian has it as etcd-server\n", err)
		return nil, nil
	}
	e := &etcd{load: o.load}
	if e.load == "" {
		e.load = filepath.Join(dir, "etcdload")
		build := exec.CommandContext(ctx, "go", "build", "-C", "bench/tools/etcdload", "-o", e.load, ".")
		if text, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building bench/tools/etcdload: %w: %s (run this from the top of the repository)", err, text)
		}
	}
	if e.dir = filepath.Join(dir, "etcd"); o.disk == "" {
		if e.dir, err = os.MkdirTemp("/dev/shm", "gendac-etcd-"); err != nil {
			return nil, fmt.Errorf("tmpfs for etcd: %w; give -disk instead", err)
		}
	}
	if err := e.start(ctx, binary); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

func (e *etcd) start(ctx context.Context, binary string) error {
	ports, err := freePorts(2 * len(names))
	if err != nil {
		return err
	}
	var peers []string
	for i, name := range names {
		peers = append(peers, name+"=http://"+ports[len(names)+i])
	}
	e.clients = ports[:len(names)]
	for i, name := range names {
		client, peer := "http://"+ports[i], "http://"+ports[len(names)+i]
		cmd := exec.Command(binary, "--name", name, "--data-dir", filepath.Join(e.dir, name),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(peers, ","), "--log-level", "error")
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("etcd %s: %w", name, err)
		}
		e.cmds = append(e.cmds, cmd)
	}
	deadline := time.Now().Add(within)
	for {
		_, err = e.put(ctx, e.clients[0], 1, 10*time.Millisecond)
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// put lets so many callers write through one member.
func (e *etcd) put(ctx context.Context, endpoint string, callers int, span time.Duration) (load, error) {
	cmd := exec.CommandContext(ctx, e.load, "-endpoint", endpoint, "-callers", strconv.Itoa(callers), "-for", span.String())
	text, err := cmd.Output()
	if err != nil {
		exit := &exec.ExitError{}
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return load{}, fmt.Errorf("etcdload: %w", err)
	}
	l := load{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	return l, json.Unmarshal(text, &l)
}

func (e *etcd) stop() {
	if e == nil {
		return
	}
	for _, cmd := range e.cmds {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	e.cmds = nil
	_ = os.RemoveAll(e.dir)
}
