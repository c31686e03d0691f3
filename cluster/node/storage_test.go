package node

import (
	"errors"
	"strings"
	"testing"

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
