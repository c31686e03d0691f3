package planner_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/cluster/spec"
)

// start is when every script and every property begins; scripts write times as what has passed since.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestScripts plays testdata/*.txt. Each file begins with nothing and knows these commands:
//
//	spec        the specification, in YAML; it is completed with its cluster, members and applications (see completed)
//	members     "a1/1 up", "a1/1 dead safe=3s", "a1/1 up lacks=pair", "a1/1 unlisted": changes what is known of each member named
//	report      "a1/1 pair/switch running active epoch=1 [handover=x] [err=x]": what an instance said last
//	obey        every member that is up does what it was ordered and reports so; prints what is new. only=(a1,b1), handover=x
//	at          sets the time
//	plan        plans, stores the orders and prints: steps, "=" orders, "!" alarms, wake
//	bootstrap   the cluster began so many milliseconds after 1970
//	leader      another leads, which remembers no stages
//	switchover  orders a switchover of group=...
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			w := &world{now: start, orders: map[string]model.Order{}}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return w.command(t, d) })
		})
	}
}

// A world is what a planner sees, and orders stored the way a dictionary stores them.
type world struct {
	leaving       []model.Member // have said that they are about to leave
	spec          *spec.Spec
	now           time.Time
	members       []planner.MemberFacts
	reports       []model.Report
	orders        map[string]model.Order
	unknownSafeAt time.Time
	epochsAbove   uint64
	stages        []planner.Stage
}

func (w *world) command(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "bootstrap":
		above, err := strconv.ParseUint(d.CmdArgs[0].Key, 10, 64)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		w.epochsAbove = above
		return "ok\n"
	case "spec":
		s, err := spec.Parse([]byte(completed(d.Input)))
		if err != nil {
			return err.Error() + "\n"
		}
		w.spec = s
	case "members":
		for line := range strings.Lines(d.Input) {
			w.member(t, strings.Fields(line))
		}
	case "unknown":
		w.unknownSafeAt = parseTime(t, d.CmdArgs[0].Key)
	case "report":
		for line := range strings.Lines(d.Input) {
			w.report(parseReport(t, strings.Fields(line)))
		}
	case "leaving":
		for line := range strings.Lines(d.Input) {
			w.leaving = append(w.leaving, parseMember(t, strings.TrimSpace(line)))
		}
	case "obey":
		return w.obey(t, d)
	case "leader":
		w.stages = nil
	case "at":
		w.now = parseTime(t, d.CmdArgs[0].Key)
	case "plan":
		return w.print(w.plan(t))
	case "switchover":
		var group string
		d.ScanArgs(t, "group", &group)
		o, err := planner.Switchover(w.spec, w.view(), group)
		if err != nil {
			return err.Error() + "\n"
		}
		w.orders[group] = o
		return show(o)
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	return "ok\n"
}

// completed adds what a script leaves out: the cluster's name, five ordinary members, and applications that are safe
// unless their name says fast.
func completed(text string) string {
	if !strings.Contains(text, "members: {") {
		text += "\nmembers: {a1: {}, b1: {}, c1: {}, d1: {}, w1: {witness: true}}"
	}
	if !strings.Contains(text, "applications:") {
		text += "\napplications: {switch: {}, meter: {}, billing: {}, web: {}, quick: {failover: fast}, quicker: {failover: fast}}"
	}
	return text + "\ncluster: demo\n"
}

func (w *world) member(t *testing.T, words []string) {
	t.Helper()
	m := planner.MemberFacts{Member: parseMember(t, words[0]), State: model.Up}
	w.members = slices.DeleteFunc(w.members, func(old planner.MemberFacts) bool { return old.Member == m.Member })
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "up", "suspect", "dead", "left":
			for s := model.Up; s <= model.Left; s++ {
				if s.String() == key {
					m.State = s
				}
			}
		case "safe":
			m.SafeAt = parseTime(t, value)
		case "lacks":
			m.Lacks = strings.Split(value, ",")
		case "unlisted":
			return
		default:
			t.Fatalf("members: %q", word)
		}
	}
	w.members = append(w.members, m)
}

func (w *world) report(r model.Report) {
	w.reports = slices.DeleteFunc(w.reports, func(old model.Report) bool {
		return old.Member == r.Member && old.Instance == r.Instance
	})
	w.reports = append(w.reports, r)
}

func (w *world) view() planner.View {
	v := planner.View{Members: w.members, Reports: w.reports, UnknownSafeAt: w.unknownSafeAt, Leaving: w.leaving, EpochsAbove: w.epochsAbove, Stages: w.stages}
	for _, name := range slices.Sorted(maps.Keys(w.orders)) {
		v.Orders = append(v.Orders, w.orders[name])
	}
	return v
}

// plan plans, checks what must hold of every plan, and stores the orders.
func (w *world) plan(t rapid.TB) planner.Plan {
	t.Helper()
	before := w.view()
	p := planner.Make(w.spec, before, w.now)
	for _, check := range []func(*spec.Spec, planner.View, time.Time, planner.Plan) error{
		stepsTellEveryChange, planningAgainChangesNothing, inputOrderIsIrrelevant, epochsOnlyRise, ordersSurviveStorage, wakeIsLater,
	} {
		if err := check(w.spec, before, w.now, p); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range p.Orders {
		w.orders[o.Group] = o
	}
	w.stages = p.Stages
	return p
}

// obey lets every instance do what it was ordered, and prints the reports that are new.
func (w *world) obey(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	only, handover := []string(nil), ""
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "only":
			only = arg.Vals
		case "handover":
			handover = arg.Vals[0]
		default:
			d.Fatalf(t, "obey: %s", arg.Key)
		}
	}
	var out strings.Builder
	for _, g := range w.spec.Groups {
		for _, m := range w.members {
			if m.State != model.Up || (only != nil && !slices.Contains(only, m.Member.Name)) {
				continue
			}
			for _, r := range obedient(w.spec, g, w.orders[g.Name], m.Member, []byte(handover)) {
				if had, ok := w.last(r.Member, r.Instance); ok && reflect.DeepEqual(had, r) || !ok && r.Phase == model.Idle {
					continue
				}
				w.report(r)
				out.WriteString(showReport(r))
			}
		}
	}
	return out.String()
}

func (w *world) last(member model.Member, instance model.Instance) (model.Report, bool) {
	i := slices.IndexFunc(w.reports, func(r model.Report) bool { return r.Member == member && r.Instance == instance })
	if i < 0 {
		return model.Report{}, false
	}
	return w.reports[i], true
}

// obedient returns what the instances of a group at member report when they have carried out the order.
func obedient(s *spec.Spec, g spec.Group, o model.Order, member model.Member, handover []byte) []model.Report {
	var reports []model.Report
	for _, name := range s.Apps(g) {
		r := model.Report{Member: member, Instance: model.Instance{Group: g.Name, App: name}, Phase: model.Idle, Epoch: o.Epoch}
		switch {
		case o.Active != nil && o.Active.Member == member && o.Quiesce:
			r.Phase, r.Role = model.Quiesced, app.Active
			if len(handover) > 0 {
				r.Handover = handover
			}
		case o.Active != nil && o.Active.Member == member:
			r.Phase, r.Role = model.Running, app.Active
		case slices.Contains(o.Standby, member) && slices.Contains(s.StandbyApps(g), name):
			r.Phase = model.Running
		}
		reports = append(reports, r)
	}
	return reports
}

func (w *world) print(p planner.Plan) string {
	var out strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintln(&out, s)
	}
	for _, o := range p.Orders {
		out.WriteString(show(o))
	}
	for _, a := range p.Alarms {
		fmt.Fprintf(&out, "! %s: %s: %s\n", a.Group, a.Name, a.Why)
	}
	for _, member := range p.Withdraw {
		fmt.Fprintf(&out, "withdraw the lease of %v\n", member)
	}
	if !p.Wake.IsZero() {
		fmt.Fprintf(&out, "wake at %v\n", p.Wake.Sub(start))
	}
	return out.String()
}

func show(o model.Order) string {
	var out strings.Builder
	fmt.Fprintf(&out, "= %s: ", o.Group)
	if o.Active == nil {
		fmt.Fprintf(&out, "nobody, epoch %d", o.Epoch)
	} else {
		out.WriteString(o.Active.String())
		for _, name := range slices.Sorted(maps.Keys(o.Active.Handover)) {
			fmt.Fprintf(&out, " with %s=%s", name, o.Active.Handover[name])
		}
	}
	if o.Previous != nil {
		fmt.Fprintf(&out, ", after %v", o.Previous.Member)
	}
	if o.Quiesce {
		fmt.Fprintf(&out, ", quiesce for %v", o.Target)
	}
	for _, s := range o.Standby {
		fmt.Fprintf(&out, ", standby %v", s)
	}
	for _, f := range o.Failures {
		if f.Lost {
			fmt.Fprintf(&out, ", lost %v (%d in a row), last until %v", f.Member, f.Count, f.Until.Sub(start))
			continue
		}
		fmt.Fprintf(&out, ", not %v until %v", f.Member, f.Until.Sub(start))
	}
	if !o.LostAt.IsZero() {
		fmt.Fprintf(&out, ", since %v", o.LostAt.Sub(start))
	}
	return out.String() + "\n"
}

func showReport(r model.Report) string {
	line := fmt.Sprintf("%v %s %s %v epoch=%d", r.Member, r.Instance, r.Phase, r.Role, r.Epoch)
	if len(r.Handover) > 0 {
		line += " handover=" + string(r.Handover)
	}
	return line + "\n"
}

func parseReport(t *testing.T, words []string) model.Report {
	t.Helper()
	r := model.Report{Member: parseMember(t, words[0])}
	if err := errors.Join(r.Instance.UnmarshalText([]byte(words[1])), r.Phase.UnmarshalText([]byte(words[2]))); err != nil {
		t.Fatal(err)
	}
	for _, word := range words[3:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "active":
			r.Role = app.Active
		case "standby":
			r.Role = app.Standby
		case "epoch":
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			r.Epoch = n
		case "handover":
			r.Handover = []byte(value)
		case "err":
			r.Err = value
		default:
			t.Fatalf("report: %q", word)
		}
	}
	return r
}

func parseMember(t *testing.T, word string) model.Member {
	t.Helper()
	name, number, _ := strings.Cut(word, "/")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		t.Fatalf("%q is not member/incarnation", word)
	}
	return model.Member{Name: name, Incarnation: n}
}

func parseTime(t *testing.T, word string) time.Time {
	t.Helper()
	d, err := time.ParseDuration(word)
	if err != nil {
		t.Fatal(err)
	}
	return start.Add(d)
}
