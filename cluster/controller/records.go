package controller

import (
	"encoding/json"
	"fmt"

	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/gdict"
)

// Keys of the dictionary that belong to the controllers. All begin with Reserved.
const (
	Reserved   = "gendac/"
	orderKeys  = Reserved + "order/"
	reportKeys = Reserved + "report/"
	societyKey = Reserved + "society"
)

// A Society is what the leader knows of the members and of the groups as a whole, for everybody to read.
type Society struct {
	Members []SocietyMember `json:"members"`
	Alarms  []planner.Alarm `json:"alarms,omitempty"`
}

// A SocietyMember is one incarnation of a member. A member that has been replaced is listed until it no longer matters.
type SocietyMember struct {
	planner.Seat
	State string `json:"state"`
}

// reportRecord is how a report lies in the dictionary.
type reportRecord struct {
	planner.Seat
	appctrl.Report
	Start string `json:"start,omitempty"`
}

func orderKey(group string) string { return orderKeys + group }

func reportKey(seat planner.Seat, instance string) string {
	return fmt.Sprintf("%s%s/%d/%s", reportKeys, seat.Member, seat.Incarnation, instance)
}

func instanceName(group, app string) string { return group + "/" + app }

// encode cannot fail: every record is made of strings, numbers, times and bytes.
func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("controller: %T does not encode: %v", v, err))
	}
	return string(text)
}

// decodeAll reads the records under one prefix. One that is not readable is skipped and named in bad.
func decodeAll[T any](entries []gdict.Entry) (records []T, bad []string) {
	for _, e := range entries {
		var record T
		if err := json.Unmarshal(e.Value, &record); err != nil {
			bad = append(bad, fmt.Sprintf("%s: %v", e.Key, err))
			continue
		}
		records = append(records, record)
	}
	return records, bad
}

func (r reportRecord) String() string {
	if r.Start == "" {
		return r.Report.String()
	}
	return r.Report.String() + " after " + r.Start
}

// readable is an encoded report for people.
func readable(value string) string {
	var r reportRecord
	if json.Unmarshal([]byte(value), &r) != nil {
		return value
	}
	return r.String()
}

func (r reportRecord) planned() planner.Report {
	return planner.Report{
		Seat: r.Seat, Instance: r.Instance, Phase: planner.Phase(r.Phase.String()), Role: r.Role, Epoch: r.Epoch,
		Handover: r.Handover, Err: r.Err,
	}
}
