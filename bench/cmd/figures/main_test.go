package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestWrongFlagsAreNamed(t *testing.T) {
	for _, c := range []struct{ flag, value string }{{"-callers", "1,,2"}, {"-callers", "0"}, {"-disk", "/nowhere/at/all"}} {
		_, err := parse([]string{c.flag, c.value}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.flag) || !strings.Contains(err.Error(), c.value) {
			t.Errorf("%s %q: %v", c.flag, c.value, err)
		}
	}
}

func TestTheMiddleOfOutages(t *testing.T) {
	if got := middle([]time.Duration{9, 1, 5}); got != 5 {
		t.Errorf("middle: %d, want 5", got)
	}
	if got := times(30, 10); got != "3.0" {
		t.Errorf("times: %s", got)
	}
	if got := times(30, 0); got != "-" {
		t.Errorf("times without etcd: %s", got)
	}
}
