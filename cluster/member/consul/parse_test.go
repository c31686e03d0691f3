package consul

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/gendac/gendac/cluster/member"
)

// Whatever an agent sends, only members that can be talked to come out of it, each name once and sorted.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`[]`))
	f.Add([]byte(`[null, {}, {"Service": null}, {"Service": {"Service": "demo", "Address": "127.0.0.1", "Port": 7101,
		"Meta": {"gendac-member": "a1", "gendac-incarnation": "18446744073709551615"}}, "Checks": [{"Status": "passing"}]}]`))
	f.Add([]byte(`[{"Service": {"Service": "demo", "Port": -1, "Meta": {"gendac-member": "a b", "gendac-incarnation": "x"}}, "Checks": [null]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var entries []*api.ServiceEntry
		if json.Unmarshal(data, &entries) != nil {
			return
		}
		members := parse("demo", entries)
		for i, m := range members {
			if err := m.Validate(); err != nil {
				t.Fatalf("%v: %v", m, err)
			}
			if i > 0 && members[i-1].Name >= m.Name {
				t.Fatalf("not sorted or not unique: %v", members)
			}
		}
	})
}

func TestOfTwoRegistrationsTheLivingOneCountsThenTheLater(t *testing.T) {
	entry := func(port int, created uint64, status string) *api.ServiceEntry {
		return &api.ServiceEntry{
			Service: &api.AgentService{
				Service: "demo", Address: "127.0.0.1", Port: port, CreateIndex: created,
				Meta: map[string]string{metaMember: "a1", metaIncarnation: "1"},
			},
			Checks: api.HealthChecks{{Status: status}},
		}
	}
	maintained := entry(1, 9, api.HealthCritical)
	maintained.Checks[0].CheckID = api.ServiceMaintPrefix + "demo:a1"
	for _, c := range []struct {
		entries []*api.ServiceEntry
		port    string
		health  member.Health
	}{
		{[]*api.ServiceEntry{entry(1, 9, api.HealthCritical), entry(2, 5, api.HealthPassing)}, "2", member.Passing},
		{[]*api.ServiceEntry{entry(1, 5, api.HealthPassing), entry(2, 9, api.HealthWarning)}, "2", member.Passing},
		{[]*api.ServiceEntry{maintained, entry(2, 5, api.HealthCritical)}, "1", member.Critical},
	} {
		got := parse("demo", c.entries)
		if len(got) != 1 || got[0].Addr != "127.0.0.1:"+c.port || got[0].Health != c.health {
			t.Errorf("got %v, want port %s, %v", got, c.port, c.health)
		}
	}
}
