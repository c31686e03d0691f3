package node

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhereAMemberKeepsItsState unless it is told: systemd's directory comes first, then the user's.
func TestWhereAMemberKeepsItsState(t *testing.T) {
	for name, c := range map[string]struct {
		systemd, xdg, home string
		want               string
	}{
		"systemd's":            {"/var/lib/gendac", "/x", "/home/u", "/var/lib/gendac/demo/a1"},
		"systemd's first":      {"/var/lib/one:/var/lib/two", "", "/home/u", "/var/lib/one/demo/a1"},
		"the user's":           {"", "/x/state", "/home/u", "/x/state/gendac/demo/a1"},
		"relative, so ignored": {"", "state", "/home/u", "/home/u/.local/state/gendac/demo/a1"},
		"below home":           {"", "", "/home/u", "/home/u/.local/state/gendac/demo/a1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("STATE_DIRECTORY", c.systemd)
			t.Setenv("XDG_STATE_HOME", c.xdg)
			t.Setenv("HOME", c.home)
			if got, err := StateDir("demo", "a1"); got != c.want || err != nil {
				t.Errorf("%q %v, want %q", got, err, c.want)
			}
		})
	}
}

// TestNoStateDirLeavesItsParent, and no two members share one, whatever names the specification allows.
func TestNoStateDirLeavesItsParent(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/s")
	names := []string{".", "..", "...", "a", "a.b", "a..b", ".a", "a-b_c"}
	seen := map[string]string{}
	for _, cluster := range names {
		for _, member := range names {
			dir, err := StateDir(cluster, member)
			if err != nil || filepath.Dir(filepath.Dir(dir)) != "/s" {
				t.Errorf("%s of %s: %q %v", member, cluster, dir, err)
			}
			if other, taken := seen[dir]; taken {
				t.Errorf("%s of %s and %s share %s", member, cluster, other, dir)
			}
			seen[dir] = member + " of " + cluster
		}
	}
}

// TestAMemberThatCannotKeepItsStateSaysWhatToDo: it does not fall back to memory by itself.
func TestAMemberThatCannotKeepItsStateSaysWhatToDo(t *testing.T) {
	cfg := newCluster(t).config("a1")
	cfg.InMemory = false
	for _, variable := range []string{"STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"} {
		t.Setenv(variable, "")
	}
	if _, err := Start(cfg); !errors.Is(err, ErrNoStateDir) || !strings.Contains(err.Error(), "DataDir") || !strings.Contains(err.Error(), "InMemory") {
		t.Errorf("without a place: %v", err)
	}
	cfg.DataDir, cfg.InMemory = t.TempDir(), true
	if _, err := Start(cfg); !errors.As(err, new(*Error)) || !strings.Contains(err.Error(), "DataDir") || !strings.Contains(err.Error(), "InMemory") {
		t.Errorf("both: %v", err)
	}
}
