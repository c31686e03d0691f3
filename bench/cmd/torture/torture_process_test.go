//go:build process && linux

package main_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gendac/gendac/cluster/netnstest"
)

// TestWhatClientsSeeUnderTortureFitsOneOrder is a selection of some three minutes. How many faults there are is fixed, not
// how long they take, so a busy machine only makes it longer. The seed is a new one each time, and is printed.
func TestWhatClientsSeeUnderTortureFitsOneOrder(t *testing.T) {
	network, err := netnstest.New("a1", "b1")
	if errors.Is(err, netnstest.ErrNotPermitted) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := network.Close(); err != nil {
		t.Fatal(err)
	}
	binary := t.TempDir() + "/torture"
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, args := range []string{"-members 3 -steps 40", "-members 5 -steps 20 -data", "-members 3 -steps 40 -own"} {
		t.Run(args, func(t *testing.T) {
			cmd := exec.Command(binary, strings.Fields(args+" -minutes 0")...)
			cmd.Env = append(os.Environ(), "TMPDIR="+os.TempDir()) // what is found stays after the test
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Error(err)
			}
		})
	}
}
