package controller

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gendac/gendac/cluster/model"
	"github.com/gendac/gendac/gdict"
)

// Here is what runs on this member as its own controller knows it. The dictionary says the same, a little later, and not
// at all while nobody can write to it. The zero value is ready; it is for any goroutine.
type Here struct{ reports atomic.Pointer[[]gdict.Entry] }

// Instances are the instances of this member that there is something to say of, by name.
func (h *Here) Instances() []model.Report {
	reports := h.reports.Load()
	if reports == nil {
		return nil
	}
	return instances(*reports)
}

// show makes what is to be published readable at once.
func (h *Here) show(l *local) {
	var reports []gdict.Entry
	for _, key := range slices.Sorted(maps.Keys(l.want)) {
		if l.want[key] != "" && strings.HasPrefix(key, reportKeys) {
			reports = append(reports, gdict.Entry{Key: key, Value: []byte(l.want[key])})
		}
	}
	h.reports.Store(&reports)
}
