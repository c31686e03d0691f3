package spec

import (
	"fmt"
	"maps"
	"net"
	"slices"
)

func (s *Spec) checkGroups() error {
	names, holder := map[string]int{}, map[string]string{}
	for i, g := range s.Groups {
		field := fmt.Sprintf("groups[%d]", i)
		if err := checkName(field+".name", g.Name); err != nil {
			return err
		}
		if j, taken := names[g.Name]; taken {
			return &Error{Field: field + ".name", Value: g.Name, Problem: fmt.Sprintf("duplicate name: groups[%d] has it already", j)}
		}
		names[g.Name] = i
		if err := s.checkGroup(field, g, holder); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spec) checkGroup(field string, g Group, holder map[string]string) error {
	if (g.Pair == nil) == (len(g.On) == 0) {
		return &Error{Field: field, Value: g.Name, Problem: "needs exactly one of pair (with members) and on (with run)"}
	}
	if err := checkDuration(field+".failover_delay", g.FailoverDelay); err != nil {
		return err
	}
	if g.Pair != nil {
		return s.checkPair(field, g, holder)
	}
	return s.checkTiers(field, g, holder)
}

func (s *Spec) checkPair(field string, g Group, holder map[string]string) error {
	if len(g.Run) > 0 {
		return &Error{Field: field + ".run", Problem: "belongs to a group with on: name the applications under pair.active"}
	}
	if len(g.Members) < 2 {
		return &Error{Field: field + ".members", Problem: fmt.Sprintf("a pair needs at least 2 members, here are %d", len(g.Members))}
	}
	seen := map[string]bool{}
	for i, name := range g.Members {
		if err := s.checkCandidate(fmt.Sprintf("%s.members[%d]", field, i), name, seen); err != nil {
			return err
		}
	}
	active, err := s.checkSlot(field+".pair.active", g.Pair.Active)
	if err != nil {
		return err
	}
	if len(g.Pair.Standby) > 0 {
		standby, err := s.checkSlot(field+".pair.standby", g.Pair.Standby)
		if err != nil {
			return err
		}
		for _, use := range standby {
			if !slices.ContainsFunc(active, func(a appUse) bool { return a.app == use.app }) {
				return &Error{Field: use.field, Value: use.app, Problem: "stands by for nothing: pair.active does not name it"}
			}
		}
	}
	return claim(g.Name, active, holder)
}

func (s *Spec) checkTiers(field string, g Group, holder map[string]string) error {
	if len(g.Members) > 0 {
		return &Error{Field: field + ".members", Problem: "belongs to a pair: the tiers under on name the members"}
	}
	if g.Packed != nil {
		return &Error{Field: field + ".packed", Problem: "belongs to a pair: tiers always prefer the better one"}
	}
	seen := map[string]bool{}
	for i, tier := range g.On {
		at := fmt.Sprintf("%s.on[%d]", field, i)
		if len(tier) == 0 {
			return &Error{Field: at, Problem: "an empty tier"}
		}
		for j, name := range tier {
			slot := at
			if len(tier) > 1 {
				slot = fmt.Sprintf("%s[%d]", at, j)
			}
			if err := s.checkCandidate(slot, name, seen); err != nil {
				return err
			}
		}
	}
	run, err := s.checkSlot(field+".run", g.Run)
	if err != nil {
		return err
	}
	return claim(g.Name, run, holder)
}

func (s *Spec) checkCandidate(field, name string, seen map[string]bool) error {
	m, known := s.Members[name]
	switch {
	case name == "":
		return &Error{Field: field, Problem: "the name is empty"}
	case !known:
		return &Error{Field: field, Value: name, Problem: "unknown member: it is not under members"}
	case m.Witness:
		return &Error{Field: field, Value: name, Problem: "is a witness, which runs nothing: take it out, or make it an ordinary member"}
	case seen[name]:
		return &Error{Field: field, Value: name, Problem: "duplicate slot: the member is a candidate of this group already"}
	}
	seen[name] = true
	return nil
}

// An appUse is an application and the field that brought it in, by its own name or by its role's.
type appUse struct{ field, app string }

// checkSlot resolves the list of one slot and refuses what is unknown or comes twice.
func (s *Spec) checkSlot(field string, names []string) ([]appUse, error) {
	if len(names) == 0 {
		return nil, &Error{Field: field, Problem: "names no application"}
	}
	var uses []appUse
	seen := map[string]bool{}
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", field, i)
		_, isApp := s.Applications[name]
		_, isRole := s.Roles[name]
		if name == "" {
			return nil, &Error{Field: at, Problem: "the name is empty"}
		}
		if !isApp && !isRole {
			return nil, &Error{Field: at, Value: name, Problem: "unknown application or role: it is under neither applications nor roles"}
		}
		for _, app := range s.resolve([]string{name}) {
			if seen[app] {
				return nil, &Error{Field: at, Value: app, Problem: "duplicate slot: the application is in this list already"}
			}
			seen[app] = true
			uses = append(uses, appUse{field: at, app: app})
		}
	}
	return uses, nil
}

// claim notes which group an application belongs to and refuses a second one.
func claim(group string, uses []appUse, holder map[string]string) error {
	for _, use := range uses {
		if other, taken := holder[use.app]; taken {
			return &Error{Field: use.field, Value: use.app, Problem: "duplicate slot: the application is in group " + other + " already"}
		}
		holder[use.app] = group
	}
	return nil
}

// Lint returns what is allowed and yet probably not meant, one line each, in a fixed order; nil when there is nothing.
func (s *Spec) Lint() []string {
	warnings := s.lintElectorate()
	used := map[string]bool{}
	for _, g := range s.Groups {
		for _, app := range s.Apps(g) {
			used[app] = true
		}
		if g.Pair == nil && len(g.Candidates()) == 1 {
			warnings = append(warnings, fmt.Sprintf("groups: %s: one member, so nothing fails over", g.Name))
		}
		if fast := s.countFast(g); fast > 0 && !s.Fast(g) {
			warnings = append(warnings, fmt.Sprintf("groups: %s: fast for %d of %d applications: the group moves as one and fails over safe", g.Name, fast, len(s.Apps(g))))
		}
		if where := s.beyondLoopback(g); s.Fast(g) && !s.TrustRefusals && where != "" {
			warnings = append(warnings, fmt.Sprintf("groups: %s: fails over fast, and %s: if anything else ever answers there with a closed port, two are active at once. "+
				"Make it safe, or say that this cannot be with trust_refusals: true", g.Name, where))
		}
	}
	for _, app := range slices.Sorted(maps.Keys(s.Applications)) {
		if !used[app] {
			warnings = append(warnings, fmt.Sprintf("applications: %s: in no group, so it never starts", app))
		}
	}
	return warnings
}

// beyondLoopback names the first candidate of a group that is not known to be reached on loopback, and says why; empty if
// there is none.
func (s *Spec) beyondLoopback(g Group) string {
	for _, name := range g.Candidates() {
		addr := s.Members[name].Addr
		host, _, _ := net.SplitHostPort(addr)
		switch ip := net.ParseIP(host); {
		case addr == "":
			return "discovery says where " + name + " is"
		case host == "localhost" || ip != nil && ip.IsLoopback():
		default:
			return name + " is at " + addr
		}
	}
	return ""
}

func (s *Spec) countFast(g Group) int {
	n := 0
	for _, app := range s.Apps(g) {
		if s.Applications[app].Failover == Fast {
			n++
		}
	}
	return n
}
