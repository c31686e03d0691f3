//go:build process

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "member" {
		if err := runMember(context.Background(), os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestIdleGroupsAreMeasured runs all rows with a few groups. That they rest and fail over is checked, what it costs is not.
func TestIdleGroupsAreMeasured(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := runAll(ctx, []string{"-groups", "4", "-for", "200ms"}, &out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if !regexp.MustCompile(`4, which rest +12 `).MatchString(text) {
		t.Errorf("not all groups rest:\n%s", text)
	}
	if strings.Count(text, "4 have another") != 4 {
		t.Errorf("not all groups have another leader after each failure:\n%s", text)
	}
}
