package controller

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/gdict"
)

// An Instance is one instance as its member reported it. Start says why the active one runs.
type Instance struct {
	planner.Seat
	appctrl.Report
	Start string
}

// Orders are the orders as this member knows them, by group.
func Orders(d *gdict.Dict) map[string]planner.Order {
	entries, _ := d.ToList(orderKeys)
	records, _ := decodeAll[planner.Order](entries)
	orders := map[string]planner.Order{}
	for _, o := range records {
		orders[o.Group] = o
	}
	return orders
}

// Instances are all reported instances as this member knows them, by instance and member.
func Instances(d *gdict.Dict) []Instance {
	entries, _ := d.ToList(reportKeys)
	return instances(entries)
}

func instances(reports []gdict.Entry) []Instance {
	records, _ := decodeAll[reportRecord](reports)
	var all []Instance
	for _, r := range records {
		all = append(all, Instance{r.Seat, r.Report, r.Start})
	}
	slices.SortFunc(all, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Member, b.Member), cmp.Compare(a.Incarnation, b.Incarnation))
	})
	return all
}

// LeaderSays is what the leader has published about the members and the groups.
func LeaderSays(d *gdict.Dict) Society {
	var s Society
	if e, ok := d.Find(societyKey); ok {
		_ = json.Unmarshal(e.Value, &s) // an unreadable one reads as empty; the next leader writes it again
	}
	return s
}
