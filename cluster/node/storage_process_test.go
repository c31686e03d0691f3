//go:build process

package node

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/genleader/disk"
	"github.com/gendac/gendac/gdict"
)

// TestWithADataDirectoryDictionariesAreKept, the cluster's own and those of users, when all members stop and start again.
func TestWithADataDirectoryDictionariesAreKept(t *testing.T) {
	c := newCluster(t)
	c.data = t.TempDir()
	names := []string{"a1", "b1", "w1"}
	const prices = "prices/of today"
	c.start(names...)
	for _, name := range names {
		c.dict(name, prices)
	}
	mine, _ := c.dict("a1", "more")
	for _, name := range names[1:] {
		c.dict(name, "more")
	}
	ctx := amply(t)
	if _, err := c.nodes["a1"].Dict().Store(ctx, "eur", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := mine.Store(ctx, "eur", []byte("2")); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		c.stop(name)
	}
	c.start(names...)
	again := map[string]*gdict.Dict{}
	for _, name := range names { // all of them before anything is expected: alone a member knows of no commit that it had not heard of
		c.dict(name, prices)
		again[name], _ = c.dict(name, "more")
	}
	for _, name := range names {
		c.eventually(name+" has what was stored", func() bool {
			cluster, _ := c.nodes[name].Dict().Find("eur")
			users, _ := again[name].Find("eur")
			return string(cluster.Value) == "1" && string(users.Value) == "2"
		})
	}
	if _, err := Start(c.config("a1")); !errors.Is(err, disk.ErrLocked) || !strings.Contains(err.Error(), c.data) {
		t.Errorf("a second member in the same directory: %v", err)
	}
}

// TestWhatIsRefusedLeavesNothingOnDisk: neither in the data directory nor beside it, and what is open stays so.
func TestWhatIsRefusedLeavesNothingOnDisk(t *testing.T) {
	c := newCluster(t)
	c.data = t.TempDir()
	c.start("a1")
	a1, ours := c.nodes["a1"], genleader.Config{Behaviour: genleader.Defaults{}}
	for _, name := range []string{"orders", "..", "."} { // odd names are names
		if _, err := a1.Group(name, ours); err != nil {
			t.Errorf("a group named %q: %v", name, err)
		}
	}
	before := files(t, c.data)
	for _, name := range []string{"orders", ".."} {
		if _, err := a1.Group(name, ours); !errors.Is(err, genleader.ErrOpen) {
			t.Errorf("a second group named %q: %v", name, err)
		}
		if _, _, err := a1.OpenDict(name); !errors.Is(err, genleader.ErrOpen) {
			t.Errorf("a dictionary beside a group named %q: %v", name, err)
		}
	}
	for name, want := range map[string]string{"": "a name has 1 to", strings.Repeat("x", 201): "a name has 1 to", "prices": "Behaviour must be given"} {
		if _, err := a1.Group(name, genleader.Config{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Send") {
			t.Errorf("a group named %.9q: %v, want %q", name, err, want)
		}
	}
	if after := files(t, c.data); !slices.Equal(before, after) {
		t.Errorf("before %q, after %q", before, after)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, strings.TrimPrefix(path, dir))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}
