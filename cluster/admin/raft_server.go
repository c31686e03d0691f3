package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const raftPath = "/v1/raft/"

// raftAPI answers requests about the groups that elect a leader.
type raftAPI struct{ backend RaftBackend }

// register adds the paths of these groups to mux. Their names may have any bytes, so they travel in the query.
func (a *raftAPI) register(mux *http.ServeMux, only func(method string, h http.HandlerFunc) http.HandlerFunc) {
	mux.HandleFunc(raftPath+"groups", only(http.MethodGet, a.answered(a.groups)))
	mux.HandleFunc(raftPath+"group", only(http.MethodGet, a.answered(a.group, "name")))
	mux.HandleFunc(raftPath+"transfer", only(http.MethodPost, a.answered(a.transfer, "name", "to")))
}

// groupsBody answers the question for all groups.
type groupsBody struct {
	Groups []RaftGroup `json:"groups"`
}

func (a *raftAPI) groups(ctx context.Context, _ url.Values) (any, error) {
	all := []RaftGroup{}
	for _, g := range a.backend.RaftGroups(ctx) {
		all = append(all, g.filled())
	}
	return groupsBody{Groups: all}, nil
}

func (a *raftAPI) group(ctx context.Context, q url.Values) (any, error) {
	g, err := a.backend.RaftGroup(ctx, q.Get("name"))
	return g.filled(), err
}

func (a *raftAPI) transfer(ctx context.Context, q url.Values) (any, error) {
	t, err := a.backend.TransferLeadership(ctx, q.Get("name"), q.Get("to"))
	return t, transferError(err)
}

// answered gives f the parameters of a request, which must be those that are wanted, and answers with what f returns.
func (a *raftAPI) answered(f func(context.Context, url.Values) (any, error), wanted ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, timeout, err := raftQuery(r.URL.RawQuery, wanted)
		if err == nil && a.backend == nil {
			err = ErrNoRaft
		}
		if err != nil {
			refuse(w, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		body, err := f(ctx, q)
		if err != nil {
			refuse(w, err)
			return
		}
		answer(w, http.StatusOK, body)
	}
}

// raftQuery checks the parameters of a request. Unknown ones are refused: a newer client may mean something by them that
// matters.
func raftQuery(raw string, wanted []string) (q url.Values, timeout time.Duration, err error) {
	timeout = RequestTimeout
	if q, err = url.ParseQuery(raw); err != nil {
		return nil, 0, fmt.Errorf("%w: the query cannot be read", ErrBadRequest)
	}
	for name, values := range q {
		switch {
		case len(values) > 1:
			return nil, 0, fmt.Errorf("%w: parameter %s: given twice", ErrBadRequest, name)
		case name == "timeout":
			asked, err := time.ParseDuration(values[0])
			if err != nil {
				return nil, 0, fmt.Errorf("%w: parameter timeout: %q", ErrBadRequest, values[0])
			}
			timeout = min(asked, RequestTimeout)
		case !slices.Contains(wanted, name):
			return nil, 0, fmt.Errorf("%w: unknown parameter %q", ErrBadRequest, name)
		}
	}
	for _, name := range wanted {
		if err := checkRaftName(name, q.Get(name)); err != nil {
			return nil, 0, err
		}
	}
	return q, timeout, nil
}

// checkRaftName refuses what can be no name of a group or member.
func checkRaftName(parameter, name string) error {
	if name == "" || len(name) > maxGroupName {
		return fmt.Errorf("%w: parameter %s: has %d bytes, a name has 1 to %d", ErrBadRequest, parameter, len(name), maxGroupName)
	}
	return nil
}

// filled makes empty lists empty lists on the wire instead of null.
func (g RaftGroup) filled() RaftGroup {
	if g.Members == nil {
		g.Members = []RaftMember{}
	}
	if g.Problems == nil {
		g.Problems = []string{}
	}
	return g
}
