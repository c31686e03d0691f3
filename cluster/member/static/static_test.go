package static_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/member/membertest"
	"github.com/gendac/gendac/cluster/member/static"
)

func TestConformance(t *testing.T) {
	membertest.Test(t, func(_ *testing.T, members []member.Member) member.Discovery {
		peers := map[string]string{}
		for _, m := range members {
			peers[m.Name] = m.Addr
		}
		return static.Discovery(peers)
	}, membertest.Fixed())
}

func TestAListThatCannotWorkIsRefusedByName(t *testing.T) {
	a := member.Member{Name: "a1", Addr: "127.0.0.1:7101"}
	for _, c := range []struct {
		peers map[string]string
		field string
		names string
	}{
		{map[string]string{"b1": "127.0.0.1:7102"}, "Name", "a1"},
		{map[string]string{"a1": "127.0.0.1:7999"}, "Addr", "127.0.0.1:7999"},
		{map[string]string{"a1": a.Addr, "b1": "nowhere"}, "Addr", "nowhere"},
		{nil, "Name", "a1"},
	} {
		_, err := static.Discovery(c.peers).Join(t.Context(), a)
		var bad *member.Error
		if !errors.As(err, &bad) || bad.Field != c.field || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%v: %v, want an error about %s that names %s", c.peers, err, c.field, c.names)
		}
	}
}
