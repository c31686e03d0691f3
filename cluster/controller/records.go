package controller

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/gdict"
)

// Keys of the dictionary that belong to the controllers. All begin with Reserved.
const (
	Reserved      = "gendac/"
	orderKeys     = Reserved + "order/"
	reportKeys    = Reserved + "report/"
	memberKeys    = Reserved + "member/"
	membershipKey = Reserved + "membership"

	// leavingKeys are the keys of members that are about to leave in order. They come before the reports.
	leavingKeys = Reserved + "leaving/"
)

// A Membership is what the leader knows of the members and of the groups as a whole, for everybody to read.
type Membership struct {
	Members []model.MemberStatus `json:"members"`
	Alarms  []model.Alarm        `json:"alarms,omitempty"`
	More    int                  `json:"more,omitempty"` // alarms that were left out
}

const (
	// maxAlarms is how many alarms are published, and maxWhy how many bytes of what each says: all together have to stay
	// below gdict.DefaultMaxValue however many groups there are.
	maxAlarms = 100
	maxWhy    = 1024
	// maxLacks is how many groups and applications a member names that its specification lacks.
	maxLacks = 200
)

// A MemberRecord is what a member says of itself to all others.
type MemberRecord struct {
	Member model.Member `json:"member"`
	Digest string       `json:"digest"`          // of its specification
	Lacks  []string     `json:"lacks,omitempty"` // groups, and as group/application applications, that others are told to run
	More   int          `json:"more,omitempty"`  // that were left out of Lacks
}

// bounded leaves out alarms beyond the limit, and says how many.
func (s Membership) bounded() Membership {
	if len(s.Alarms) > maxAlarms {
		s.Alarms, s.More = s.Alarms[:maxAlarms], len(s.Alarms)-maxAlarms
	}
	s.Alarms = slices.Clone(s.Alarms)
	for i, a := range s.Alarms {
		if len(a.Why) > maxWhy {
			s.Alarms[i].Why = strings.ToValidUTF8(a.Why[:maxWhy], "") + "..."
		}
	}
	return s
}

func orderKey(group string) string { return orderKeys + group }

func reportKey(member model.Member, instance model.Instance) string {
	return fmt.Sprintf("%s%s/%d/%s", reportKeys, member.Name, member.Incarnation, instance)
}

func leavingKey(member model.Member) string {
	return fmt.Sprintf("%s%s/%d", leavingKeys, member.Name, member.Incarnation)
}

func memberKey(member model.Member) string {
	return fmt.Sprintf("%s%s/%d", memberKeys, member.Name, member.Incarnation)
}

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

// readable is an encoded report for people.
func readable(value string) string {
	var r model.Report
	if json.Unmarshal([]byte(value), &r) != nil {
		return value
	}
	return r.String()
}

// reportOf is what the controller of an instance said, in the words of the cluster.
func reportOf(instance model.Instance, r appctrl.Report) model.Report {
	return model.Report{Instance: instance, Phase: phaseOf(r.Phase), Role: r.Role, Epoch: r.Epoch, Handover: r.Handover, Err: r.Err}
}

func phaseOf(p appctrl.Phase) model.Phase {
	switch p {
	case appctrl.Idle:
		return model.Idle
	case appctrl.Starting:
		return model.Starting
	case appctrl.Running:
		return model.Running
	case appctrl.Quiescing:
		return model.Quiescing
	case appctrl.Quiesced:
		return model.Quiesced
	case appctrl.Stopping:
		return model.Stopping
	case appctrl.Failed:
		return model.Failed
	}
	return model.Unreported
}

// names lists instances for people.
func names(instances []model.Instance) string {
	var texts []string
	for _, i := range instances {
		texts = append(texts, i.String())
	}
	return strings.Join(texts, ", ")
}
