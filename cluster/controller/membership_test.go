package controller

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/gdict"
)

// TestWhatIsPublishedOfManyGroupsFitsIntoItsRecord: ten thousand alarms, each of them long.
func TestWhatIsPublishedOfManyGroupsFitsIntoItsRecord(t *testing.T) {
	var ev looked
	for i := range 50 {
		ev.view.Members = append(ev.view.Members, planner.MemberFacts{Member: model.Member{Name: fmt.Sprintf("m%d", i), Incarnation: 1}, State: model.Up})
	}
	var alarms []model.Alarm
	for i := range 10_000 {
		alarms = append(alarms, model.Alarm{Group: strings.Repeat("g", 400), Name: planner.NoCandidate, Why: fmt.Sprint(i, strings.Repeat("\x01", 10_000))})
	}
	house := ev.housekeeping(alarms)
	if len(house.fresh) != 1 || len(house.fresh[0].value) >= gdict.DefaultMaxValue {
		t.Fatalf("%d records, the first of %d bytes", len(house.fresh), len(house.fresh[0].value))
	}
	s := Membership{Alarms: alarms}.bounded()
	if len(s.Alarms)+s.More != len(alarms) || s.Alarms[0].Why[:1] != "0" {
		t.Errorf("%d alarms and %d more, of %d", len(s.Alarms), s.More, len(alarms))
	}
}
