package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// fakeRaft is a backend with groups that elect a leader. It keeps what it was asked.
type fakeRaft struct {
	fake
	groups  []RaftGroup
	transit Transfer
	err     error
	asked   []string
	waits   time.Duration // of the latest transfer
}

func (f *fakeRaft) RaftGroups(context.Context) []RaftGroup { return f.groups }

func (f *fakeRaft) RaftGroup(_ context.Context, name string) (RaftGroup, error) {
	f.asked = append(f.asked, name)
	for _, g := range f.groups {
		if g.Name == name {
			return g, nil
		}
	}
	return RaftGroup{}, fmt.Errorf("%w: %q", ErrGroupNotOpen, name)
}

func (f *fakeRaft) TransferLeadership(ctx context.Context, group, to string) (Transfer, error) {
	f.asked = append(f.asked, group, to)
	deadline, _ := ctx.Deadline()
	f.waits = time.Until(deadline)
	return f.transit, f.err
}

func TestGroupsArriveAsTheyWere(t *testing.T) {
	heard := int64(0)
	want := RaftGroup{
		Name: binary, Member: "a1", Role: "leader", Leader: "a1", Term: 3, Commit: 9, Applied: 8, Last: 10, LogEntries: 4, LogBytes: 700,
		Snapshot: 6, Hibernating: true, Calls: 1, Dropped: 2, Kept: true, Leases: true, Lease: 900,
		Members: []RaftMember{
			{Name: "a1", Incarnation: 1<<63 + 1, Voter: true, Log: 10},
			{
				Name: "w1", Incarnation: 2, Voter: true, Witness: true, Linked: true, Heard: &heard, Log: 9, State: "up", Sending: "probe",
				Next: 10, Inflight: 1, Leased: true,
			},
		},
		Problems: []string{"one"},
	}
	c := serve(t, &fakeRaft{groups: []RaftGroup{want, {Name: "plain"}}})
	got, err := c.RaftGroup(t.Context(), binary)
	want.Name = strings.ToValidUTF8(binary, "\ufffd\ufffd") // JSON is text; the question went by its bytes
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	all, err := c.RaftGroups(t.Context())
	plain := RaftGroup{Name: "plain", Members: []RaftMember{}, Problems: []string{}}
	if err != nil || !reflect.DeepEqual(all, []RaftGroup{want, plain}) {
		t.Errorf("all: %+v, %v", all, err)
	}
	if _, err := c.RaftGroup(t.Context(), "none"); !errors.Is(err, ErrGroupNotOpen) || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("none: %v", err)
	}
}

func TestWhatIsNotKnownOfAMemberIsAbsent(t *testing.T) {
	_, body := request(t, &fakeRaft{groups: []RaftGroup{{Name: "g", Members: []RaftMember{{Name: "b1", Voter: true}}}}}, "GET", "/v1/raft/group?name=g")
	for _, absent := range []string{"heard_ms", "state", "sending", "null"} {
		if strings.Contains(body, absent) {
			t.Errorf("%s is in %s", absent, body)
		}
	}
}

func TestATransferIsAskedForAndItsOutcomeTold(t *testing.T) {
	f := &fakeRaft{transit: Transfer{Group: "orders", From: "a1", Leader: "b1", Term: 3}}
	c := serve(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	got, err := c.TransferLeadership(ctx, "orders", "b1")
	if err != nil || got != f.transit || strings.Join(f.asked, " ") != "orders b1" {
		t.Errorf("got %+v, %v; it was asked %q", got, err, f.asked)
	}
	if f.waits > 4*time.Second {
		t.Errorf("the member waits %v, longer than whoever asked", f.waits)
	}
	for _, name := range []string{"", strings.Repeat("x", 257)} {
		if _, err := c.TransferLeadership(ctx, name, "b1"); !errors.Is(err, ErrBadRequest) {
			t.Errorf("group %.3q: %v", name, err)
		}
		if _, err := c.TransferLeadership(ctx, "orders", name); !errors.Is(err, ErrBadRequest) {
			t.Errorf("member %.3q: %v", name, err)
		}
		if _, err := c.RaftGroup(ctx, name); !errors.Is(err, ErrBadRequest) {
			t.Errorf("show %.3q: %v", name, err)
		}
	}
}

// TestATransferThatFailedSaysWhetherAnythingChanged: what does not say so itself is uncertain, above all what ended while it
// was under way.
func TestATransferThatFailedSaysWhetherAnythingChanged(t *testing.T) {
	f := &fakeRaft{transit: Transfer{Leader: "b1"}}
	c := serve(t, f)
	for _, e := range []struct{ err, want error }{
		{genleader.ErrUnknownMember, ErrUnknownMember},
		{genleader.ErrNotVoter, ErrNotVoter},
		{genleader.ErrWitness, ErrWitness},
		{genleader.ErrNotReady, ErrMemberNotReady},
		{genleader.ErrOverloaded, ErrOverloaded},
		{fmt.Errorf("%w (%w)", genleader.ErrNotAsked, context.Canceled), ErrTimeout},
		{fmt.Errorf("%w (%w)", genleader.ErrNoLeader, context.DeadlineExceeded), ErrNoLeader},
		{fmt.Errorf("%w (%w)", genleader.ErrNotTransferred, context.DeadlineExceeded), ErrUncertain},
		{genleader.ErrNotTransferred, ErrUncertain},
		{genleader.ErrStopped, ErrUncertain},
		{errors.New("something new"), ErrUncertain},
		{ErrUncertain, ErrUncertain},
		{ErrGroupNotOpen, ErrGroupNotOpen},
		{ErrStopping, ErrStopping},
	} {
		f.err = fmt.Errorf("group %q: %w", "orders", e.err)
		_, err := c.TransferLeadership(t.Context(), "orders", "b1")
		if !errors.Is(err, e.want) || !strings.Contains(err.Error(), f.err.Error()) {
			t.Errorf("%v is answered with %v, want %v and its words", f.err, err, e.want)
		}
		if e.want != ErrUncertain && errors.Is(err, ErrUncertain) {
			t.Errorf("%v is called uncertain: %v", f.err, err)
		}
	}
}

func TestATransferWhoseAnswerSaysNothingIsUncertain(t *testing.T) {
	for name, answered := range map[string]string{"another program": "hello", "nobody leads": "{}"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answered) }))
		c := Client{Addr: s.Listener.Addr().String()}
		if _, err := c.TransferLeadership(t.Context(), "orders", "b1"); !errors.Is(err, ErrUncertain) || !errors.Is(err, ErrBadReply) {
			t.Errorf("%s: transfer: %v", name, err)
		}
		if _, err := c.RaftGroup(t.Context(), "orders"); !errors.Is(err, ErrBadReply) || errors.Is(err, ErrUncertain) {
			t.Errorf("%s: group: %v", name, err)
		}
		if _, err := c.RaftGroups(t.Context()); !errors.Is(err, ErrBadReply) {
			t.Errorf("%s: groups: %v", name, err)
		}
		s.Close()
	}
}

func TestBadRequestsAboutGroupsAreAnsweredInJSON(t *testing.T) {
	for _, c := range []struct {
		method, target string
		status         int
		code           string
	}{
		{"POST", "/v1/raft/groups", 405, "method_not_allowed"},
		{"GET", "/v1/raft/transfer?name=g&to=b1", 405, "method_not_allowed"},
		{"GET", "/v1/raft/", 404, "not_found"},
		{"GET", "/v1/raft/group", 400, "bad_request"},
		{"GET", "/v1/raft/group?name=", 400, "bad_request"},
		{"GET", "/v1/raft/group?name=a&name=b", 400, "bad_request"},
		{"GET", "/v1/raft/group?name=g&fresh=true", 400, "bad_request"},
		{"GET", "/v1/raft/group?name=%zz", 400, "bad_request"},
		{"GET", "/v1/raft/groups?timeout=soon", 400, "bad_request"},
		{"POST", "/v1/raft/transfer?name=g", 400, "bad_request"},
		{"POST", "/v1/raft/transfer?to=b1", 400, "bad_request"},
		{"POST", "/v1/raft/transfer?name=g&to=" + strings.Repeat("x", 257), 400, "bad_request"},
	} {
		f := &fakeRaft{}
		resp, body := request(t, f, c.method, c.target)
		var r Refusal
		if err := json.Unmarshal([]byte(body), &r); err != nil || resp.StatusCode != c.status || r.Code != c.code || strings.Contains(r.Text, "\n") {
			t.Errorf("%s %.60s = %d %s, want %d %s", c.method, c.target, resp.StatusCode, body, c.status, c.code)
		}
		if len(f.asked) != 0 {
			t.Errorf("%s %.60s reached the backend", c.method, c.target)
		}
	}
	if resp, body := request(t, &fake{}, "GET", "/v1/raft/groups"); resp.StatusCode != 404 || !strings.Contains(body, `"no_groups"`) {
		t.Errorf("a member without groups: %d %s", resp.StatusCode, body)
	}
}

// FuzzRaftRequests: whatever is asked, the answer is one of the API's, and the backend is given names that are possible.
func FuzzRaftRequests(f *testing.F) {
	for i, seed := range []string{"name=g&to=b1", "name=g", "name=%ff%00&to=%0a", "to=b1&name=g&timeout=-1s", "name=g&name=h", "a=b;c", "%zz", "timeout=1h"} {
		f.Add(i, seed)
	}
	paths := []struct{ method, path string }{{"GET", "groups"}, {"GET", "group"}, {"POST", "transfer"}}
	f.Fuzz(func(t *testing.T, which int, query string) {
		p := paths[uint(which)%uint(len(paths))]
		r := httptest.NewRequest(p.method, "/v1/raft/"+p.path, http.NoBody)
		r.URL.RawQuery = query
		b := &fakeRaft{groups: []RaftGroup{{Name: "g"}}, transit: Transfer{Group: "g", Leader: "b1"}}
		w := httptest.NewRecorder()
		Handler(b, "example.com").ServeHTTP(w, r)
		for _, name := range b.asked {
			if checkRaftName("name", name) != nil {
				t.Fatalf("the backend was given %q", name)
			}
		}
		if w.Code == http.StatusOK {
			return
		}
		refusal := &Refusal{}
		if err := json.Unmarshal(w.Body.Bytes(), refusal); err != nil || errors.Is(refusal, ErrBadReply) || errors.Is(refusal, ErrInternal) {
			t.Fatalf("%s %s?%s: %d %s", p.method, p.path, query, w.Code, w.Body)
		}
	})
}
