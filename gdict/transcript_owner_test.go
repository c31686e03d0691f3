package gdict

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// owners does what concerns owners. An owner is written name@incarnation, /n behind it for an actor, and ! while leased.
//
//	own <key> <value> <owner>     stores a key
//	begin <owner>, disown <owner> an actor begins to own, and ends
//	ends <member> <how>           the leader's word: gone, removed or lapsed
//	owner <dict> <key>            who owns a key
//	owners <dict>                 the members that own something
//	view ...                      what a leader with this view says, see said
func (w *world) owners(t *testing.T, verb string, args []string) string {
	switch verb {
	case "own":
		rev, err := w.a.Store(context.Background(), args[0], []byte(args[1]), OwnedBy(owner(t, args[2])))
		return show(fmt.Sprintf("rev %d", rev), err)
	case "begin":
		return replied(w.log.append(w.a.ordered(encodeOp(ownActor{owner: owner(t, args[0])}))))
	case "disown":
		return replied(w.log.append(w.a.ordered(encodeOp(disown{owner: owner(t, args[0])}))))
	case "ends":
		how := map[string]howEnded{"gone": ended, "removed": removed, "lapsed": lapsed}[args[1]]
		return replied(w.log.append(w.a.ordered(encodeOp(memberEnds{member: owner(t, args[0]).Member, how: how}))))
	case "owner":
		o, owned := w.dict(args[0]).OwnerOf(args[1])
		if !owned {
			return "nobody's"
		}
		return o.String()
	case "owners":
		s := w.dict(args[0]).now.Load()
		return fmt.Sprint(s.owned.members())
	default:
		return said(t, args)
	}
}

func owner(t *testing.T, text string) Owner {
	text, leased := strings.CutSuffix(text, "!")
	text, n, _ := strings.Cut(text, "/")
	name, incarnation, _ := strings.Cut(text, "@")
	o := Owner{Member: genleader.Member{Name: name, Incarnation: uint64(number(t, incarnation))}, leased: leased}
	if n != "" {
		o.actor = uint64(number(t, n))
	}
	return o
}

// said is what a leader says. Its view: leader=<member> voters=<member>,... learners=<member>,...
// members=<member>:<state>:<safe at>,... foreign=<safe at> now=<second>, all in seconds; then owners=<owner>,... and
// leases.
func said(t *testing.T, args []string) string {
	var v genleader.View
	var now time.Time
	var asked []Owner
	leases := false
	at := func(text string) time.Time {
		if text == "-" {
			return time.Time{}
		}
		return time.Unix(number(t, text), 0)
	}
	members := func(text string) (all []genleader.Member) {
		for _, each := range strings.Split(text, ",") {
			all = append(all, owner(t, each).Member)
		}
		return all
	}
	for _, arg := range args {
		switch name, text, _ := strings.Cut(arg, "="); name {
		case "leader":
			v.Leader = members(text)[0]
		case "voters":
			v.Voters = members(text)
		case "learners":
			v.Learners = members(text)
		case "members":
			for _, each := range strings.Split(text, ",") {
				parts := strings.Split(each, ":")
				state := slices.IndexFunc([]genleader.State{genleader.StateUnknown, genleader.Up, genleader.Suspect, genleader.Dead, genleader.Left},
					func(s genleader.State) bool { return s.String() == parts[1] })
				v.Members = append(v.Members, genleader.MemberStatus{
					Member: members(parts[0])[0], State: genleader.State(state), SafeAt: at(parts[2]),
				})
			}
		case "foreign":
			v.ForeignSafeAt = at(text)
		case "now":
			now = at(text)
		case "leases":
			leases = true
		case "owners":
			for _, each := range strings.Split(text, ",") {
				asked = append(asked, owner(t, each))
			}
		}
	}
	var lines []string
	for _, o := range asked {
		line := o.String() + ": stays"
		if ends := overdue(v, []genleader.Member{o.Member}, leases, now); len(ends) > 0 {
			line = o.String() + ": " + ends[0].how.String()
		}
		lines = append(lines, line+", new keys "+show("taken", mayBegin(v, o, leases, now)))
	}
	return strings.Join(lines, "\n")
}
