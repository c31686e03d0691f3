package consul

import (
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/member"
)

// withSelf returns members, sorted, with our own record in it as we know it; only its health is Consul's to say.
func (s state) withSelf(members []member.Member) []member.Member {
	me := s.self
	all := make([]member.Member, 0, len(members)+1)
	for _, m := range members {
		if m.Name != me.Name {
			all = append(all, m)
		} else if m.Incarnation == me.Incarnation {
			me.Health = m.Health
		}
	}
	all = append(all, me)
	member.Sort(all)
	return all
}

// merge returns members and whoever was known besides, unchanged.
func merge(members, known []member.Member) []member.Member {
	all := slices.Clone(members)
	for _, m := range known {
		if _, ok := find(members, m.Name); !ok {
			all = append(all, m)
		}
	}
	return all
}

// keep returns members and, with their health unknown, whoever was known before and is absent now.
func keep(members, known []member.Member) []member.Member {
	absent := slices.Clone(known)
	for i := range absent {
		absent[i].Health = member.Unknown
	}
	return merge(members, absent)
}

func find(members []member.Member, name string) (member.Member, bool) {
	for _, m := range members {
		if m.Name == name {
			return m, true
		}
	}
	return member.Member{}, false
}

// pace is the pause before the next query: a service that changes all the time costs 50 queries a second at most.
const pace = 20 * time.Millisecond

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 2 * time.Second
)

// backoff returns the pause after that many failures in a row, at least 1: it doubles from 100 ms to 2 s, and roll, in
// [0,1), places it in the upper half of that, so that members that lost the same agent do not come back in step.
func backoff(failures int, roll float64) time.Duration {
	d := maxBackoff
	if shift := failures - 1; shift < 10 {
		d = min(d, firstBackoff<<shift)
	}
	return d/2 + time.Duration(roll*float64(d/2))
}
