package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestALostWriteIsNoticed shows that the example can fail: an acknowledged write that is not there, and more entries than
// anybody can have written.
func TestALostWriteIsNoticed(t *testing.T) {
	for name, c := range map[string]struct{ told, found, want string }{
		"all is there":                      {"acknowledged 1, acknowledged 2", "1 2", ""},
		"one is lost":                       {"acknowledged 1, acknowledged 2", "1", "1 acknowledged writes are lost"},
		"the last of the killed":            {"acknowledged 1", "1 2", ""},
		"an open one was done":              {"acknowledged 1, open 2", "1 2 3", ""},
		"an open one was not done":          {"acknowledged 1, open 2", "1", ""},
		"a refused one was done":            {"acknowledged 1, refused 2, refused 3", "1 2 3", "2 entries that nobody acknowledged"},
		"what was written twice is counted": {"acknowledged 1, acknowledged 1", "1", ""},
	} {
		l := newLedger()
		one := &member{said: make(chan struct{}), done: make(chan struct{})}
		l.follow("a1", strings.NewReader(strings.ReplaceAll(c.told, ", ", "\n")), nil, one)
		found := map[string]bool{}
		for _, write := range strings.Fields(c.found) {
			found[write] = true
		}
		var story strings.Builder
		err := l.verdict(found, func(format string, args ...any) { fmt.Fprintf(&story, format+"\n", args...) })
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: %v, wanted %q", name, err, c.want)
		}
		if told := strings.Contains(story.String(), "no acknowledged write is lost"); told != (c.want == "") {
			t.Errorf("%s: the story says\n%s", name, story.String())
		}
	}
}
