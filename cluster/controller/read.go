package controller

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/gdict"
)

// Orders are the orders as this member knows them, by group.
func Orders(d *gdict.Dict) map[string]model.Order {
	entries, _ := d.ToList(orderKeys)
	records, _ := decodeAll[model.Order](entries)
	orders := map[string]model.Order{}
	for _, o := range records {
		orders[o.Group] = o
	}
	return orders
}

// Instances are all reported instances as this member knows them, by instance and member.
func Instances(d *gdict.Dict) []model.Report {
	entries, _ := d.ToList(reportKeys)
	return instances(entries)
}

func instances(reports []gdict.Entry) []model.Report {
	all, _ := decodeAll[model.Report](reports)
	slices.SortFunc(all, func(a, b model.Report) int {
		return cmp.Or(a.Instance.Compare(b.Instance), a.Member.Compare(b.Member))
	})
	return all
}

// Members are what the members say of themselves, as this member knows it, by incarnation.
func Members(d *gdict.Dict) map[model.Member]MemberRecord {
	entries, _ := d.ToList(memberKeys)
	records, _ := decodeAll[MemberRecord](entries)
	said := map[model.Member]MemberRecord{}
	for _, r := range records {
		said[r.Member] = r
	}
	return said
}

// LeaderSays is what the leader has published about the members and the groups.
func LeaderSays(d *gdict.Dict) Membership {
	var s Membership
	if e, ok := d.Find(membershipKey); ok {
		_ = json.Unmarshal(e.Value, &s) // an unreadable one reads as empty; the next leader writes it again
	}
	return s
}
