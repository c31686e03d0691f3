package controller

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/cockroachdb/datadriven"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/gdict"
)

func sortedEntries(dict map[string]gdict.Entry) []gdict.Entry {
	return slices.SortedFunc(maps.Values(dict), func(a, b gdict.Entry) int { return cmp.Compare(a.Key, b.Key) })
}

// TestLocalScripts plays testdata/local/*.txt on member a1/1. Their commands:
//
//	spec       the groups in YAML; members a1, b1, c1 and applications switch, meter and quick are there
//	order      GROUP epoch=N term=N active=a1/1@3 apps=switch standby=b1/1 previous=b1/1 kind=takeover from=b1 handover=x quiesce
//	report     "pair/switch running active 1": what an instance's controller says
//	ended      INSTANCE crashed: its controller is gone
//	lapsed     TERM: the lease term is over
//	published  the publication under way is done; or failed; value-limit, dictionary-limit: refused as too large
//	began      the first event; the digest of the specification is 5ca1ab1e
//	renumbered a1/2: who this member is from now on
//	pauseOver [KEY], stop, give-up (leaving, stopping or telling)
func TestLocalScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/local", func(t *testing.T, path string) {
		w := &localWorld{}
		datadriven.RunTest(t, path, w.command)
	})
}

type localWorld struct {
	core    *local
	pending *publish
}

func (w *localWorld) command(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "spec":
		w.core = newLocal(parseScriptSpec(t, d.Input), model.Member{Name: "a1", Incarnation: 1})
		return "ok\n"
	case "order":
		return w.step(t, scriptOrder(t, d))
	case "report":
		return w.step(t, reported{scriptReport(t, strings.Fields(d.Input)), scriptStart})
	case "ended":
		ev := ended{instance: scriptInstance(t, d.CmdArgs[0].Key)}
		if len(d.CmdArgs) > 1 {
			ev.err = errors.New(d.CmdArgs[1].Key)
		}
		return w.step(t, ev)
	case "lapsed":
		return w.step(t, lapsed{lease.Term(scriptNumber(t, d.CmdArgs[0].Key))})
	case "published":
		if w.pending == nil {
			d.Fatalf(t, "nothing is being published")
		}
		ev := published{key: w.pending.key, value: w.pending.value}
		if len(d.CmdArgs) > 0 {
			ev.err = scriptError(d.CmdArgs[0].Key, ev.key)
		}
		w.pending = nil
		return w.step(t, ev)
	case "pauseOver":
		ev := pauseOver{}
		if len(d.CmdArgs) > 0 {
			ev.key = d.CmdArgs[0].Key
		}
		return w.step(t, ev)
	case "renumbered":
		return w.step(t, renumbered{self: scriptMember(t, d.CmdArgs[0].Key)})
	case "began":
		w.core.digest = "5ca1ab1e"
		return w.step(t, began{})
	case "stop":
		return w.step(t, stop{patience: 6 * time.Second})
	case "give-up":
		return w.step(t, giveUp{during: map[string]localPhase{"leaving": leaving, "stopping": stopping, "telling": telling}[d.CmdArgs[0].Key]})
	default:
		d.Fatalf(t, "no command %q", d.Cmd)
		return ""
	}
}

// scriptError is an error of the dictionary.
func scriptError(text, key string) error {
	if what, limited := strings.CutSuffix(text, "-limit"); limited {
		return fmt.Errorf("storing %s: %w", key, &gdict.LimitError{What: what, Key: key, Size: 12, Limit: 10})
	}
	return errors.New(text)
}

func (w *localWorld) step(t *testing.T, ev localEvent) string {
	var effects []localEffect
	w.core, effects = stepLocal(w.core, ev)
	var b strings.Builder
	for _, e := range effects {
		fmt.Fprintln(&b, e)
		if p, ok := e.(publish); ok {
			if w.pending != nil {
				t.Error("two publications at once")
			}
			w.pending = &p
		}
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

func scriptOrder(t *testing.T, d *datadriven.TestData) ordered {
	t.Helper()
	ev := ordered{order: model.Order{Group: d.CmdArgs[0].Key}}
	o := &ev.order
	var apps []string
	for _, arg := range d.CmdArgs[1:] {
		value := ""
		if len(arg.Vals) > 0 {
			value = arg.Vals[0]
		}
		switch arg.Key {
		case "apps":
			apps = arg.Vals
		case "epoch":
			o.Epoch = scriptNumber(t, value)
		case "term":
			ev.term = lease.Term(scriptNumber(t, value))
		case "active":
			o.Active = scriptActivation(t, value)
		case "previous":
			o.Previous = scriptActivation(t, value)
		case "standby":
			o.Standby = []model.Member{scriptMember(t, value)}
		case "quiesce":
			o.Quiesce = true
		case "from":
			o.Active.Kind, o.Active.From = app.Takeover, value
		case "handover":
			o.Active.Handover = map[string][]byte{"switch": []byte(value)}
		default:
			d.Fatalf(t, "order: %q", arg.Key)
		}
	}
	if o.Active != nil {
		o.Active.Apps = apps
	}
	return ev
}

// scriptActivation reads "a1/1@3": the member and the epoch.
func scriptActivation(t *testing.T, text string) *model.Activation {
	t.Helper()
	member, epoch, _ := strings.Cut(text, "@")
	return &model.Activation{Member: scriptMember(t, member), Epoch: scriptNumber(t, epoch)}
}

func scriptNumber(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
