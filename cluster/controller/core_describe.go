package controller

import (
	"maps"
	"slices"

	"github.com/gendac/gendac/cluster/model"
)

// describe says of this member which specification it has, and what that lacks.
func (l *local) describe() {
	if l.digest == "" {
		return // it has not begun
	}
	record := MemberRecord{Member: l.self, Digest: l.digest}
	for _, group := range slices.Sorted(maps.Keys(l.lacks)) {
		record.Lacks = append(record.Lacks, l.lacks[group]...)
	}
	if len(record.Lacks) > maxLacks {
		record.Lacks, record.More = record.Lacks[:maxLacks], len(record.Lacks)-maxLacks
	}
	l.want[memberKey(l.self)] = encode(record)
}

// compare finds what an order names and the specification lacks. The leader cannot know it, and would wait for an answer.
func (l *local) compare(o model.Order) {
	lacks := l.lacking(o)
	if slices.Equal(lacks, l.lacks[o.Group]) {
		return
	}
	if l.lacks[o.Group] = lacks; lacks == nil {
		delete(l.lacks, o.Group)
	}
	l.describe()
}

func (l *local) lacking(o model.Order) []string {
	group, known := l.spec.Group(o.Group)
	switch {
	case o.Epoch == 0: // it has never been active, or the order was erased
		return nil
	case !known:
		return []string{o.Group}
	}
	own := l.spec.Apps(group)
	var lacks []string
	for _, a := range []*model.Activation{o.Active, o.Previous} {
		if a == nil {
			continue
		}
		for _, name := range a.Apps {
			if instance := (model.Instance{Group: o.Group, App: name}).String(); !slices.Contains(own, name) && !slices.Contains(lacks, instance) {
				lacks = append(lacks, instance)
			}
		}
	}
	return lacks
}
