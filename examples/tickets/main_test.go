package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestEveryNumberIsSoldOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	want := `. sells ticket 1 for guest 1
. sells ticket 2 for guest 2
. sells ticket 3 for guest 3
the leader closes
. sells ticket 4 for guest 4
. sells ticket 5 for guest 5
`
	if got := regexp.MustCompile(`(?m)^[abc]1`).ReplaceAllString(out.String(), "."); got != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// TestASnapshotIsTheWholeState: what one member writes makes another go on where it was.
func TestASnapshotIsTheWholeState(t *testing.T) {
	one, other := &tickets{sold: 41}, &tickets{sold: 7}
	of, err := one.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	if _, err := of.WriteTo(&written); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Restore(strings.NewReader("short")); err == nil {
		t.Error("half a snapshot was taken")
	}
	install, err := other.Restore(&written)
	if err != nil {
		t.Fatal(err)
	}
	if other.sold != 7 {
		t.Error("it was installed before it was due")
	}
	install()
	if got := other.FromLeader(nil, []byte("guest")); string(got) != "ticket 42 for guest" {
		t.Errorf("%s", got)
	}
}
