//go:build process

package node

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/spec"
)

// alone is the specification of one member.
func alone(t *testing.T) *spec.Spec {
	t.Helper()
	what, err := spec.Parse([]byte(`{cluster: alone, members: {solo: {}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return what
}

// TestAMemberThatIsToldNothingKeepsItsState where the default says, prints where, and finds it there again. Nothing is kept
// of one that is told so.
func TestAMemberThatIsToldNothingKeepsItsState(t *testing.T) {
	top := t.TempDir()
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", top)
	what := alone(t)
	run := func(memory bool, use func(*Node)) string {
		var log bytes.Buffer
		n, err := Start(Config{
			Name: "solo", Spec: what, Bind: "127.0.0.1:0", Discovery: newCluster(t).board.Discovery(), InMemory: memory,
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := n.OpenDict("users"); err != nil { // follows the member's choice
			t.Fatal(err)
		}
		use(n)
		if err := n.Stop(amply(t)); err != nil {
			t.Error(err)
		}
		return log.String()
	}
	run(true, func(n *Node) {
		if n.DataDir() != "" {
			t.Errorf("in memory, and in %s", n.DataDir())
		}
	})
	if left := files(t, top); len(left) != 1 {
		t.Errorf("in memory, and it left %q", left)
	}
	dir := filepath.Join(top, "gendac", "alone", "solo")
	said := run(false, func(n *Node) {
		if _, err := n.Dict().Store(amply(t), "eur", []byte("1")); err != nil {
			t.Error(err)
		}
	})
	if !strings.Contains(said, "state") || !strings.Contains(said, dir) {
		t.Errorf("the log does not name %s: %s", dir, said)
	}
	for _, group := range []string{clusterGroup, "users"} {
		if _, err := os.Stat(filepath.Join(dir, group)); err != nil {
			t.Error(err)
		}
	}
	run(false, func(n *Node) {
		deadline := time.Now().Add(patience)
		for e, _ := n.Dict().Find("eur"); string(e.Value) != "1"; e, _ = n.Dict().Find("eur") {
			if time.Now().After(deadline) {
				t.Fatalf("after a restart: %v", e)
			}
			time.Sleep(time.Millisecond)
		}
	})
}
