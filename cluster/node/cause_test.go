package node

import (
	"errors"
	"strings"
	"testing"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// The member's actors end together when one of them crashes. What the member says is why that one did.
func TestTheEndOfAMemberNamesTheFirstCause(t *testing.T) {
	broken, later := errors.New("the disk is gone"), errors.New("a consequence")
	var crashed firstCrash
	for _, n := range []supervisor.Notice{
		{Child: "local", What: supervisor.Started},
		{Child: "leader", What: supervisor.Ended, Reason: process.ErrNormal},
		{Child: "group", What: supervisor.Ended, Reason: broken},
		{Child: "leader", What: supervisor.Ended, Reason: process.ErrShutdown},
		{Child: "local", What: supervisor.Ended, Reason: later},
	} {
		crashed.notice(n)
	}
	if got := crashed.cause(process.ErrShutdown); !errors.Is(got, broken) || !strings.Contains(got.Error(), `"group"`) {
		t.Errorf("the member ends with %q, want the first cause", got)
	}
	if !errors.Is(crashed.cause(later), later) {
		t.Error("a reason of its own was replaced")
	}
	if got := new(firstCrash).cause(process.ErrShutdown); !errors.Is(got, process.ErrShutdown) {
		t.Errorf("without a crash: %v", got)
	}
}
