package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// RaftGroups asks for all groups that elect a leader and are open on the member: the cluster's own first, then the others
// by name.
func (c Client) RaftGroups(ctx context.Context) ([]RaftGroup, error) {
	var all groupsBody
	err := c.ask(ctx, question{method: http.MethodGet, path: raftPath + "groups", want: http.StatusOK}.with(ctx, nil), &all)
	if err == nil && all.Groups == nil {
		err = fmt.Errorf("%w: %s: no groups", ErrBadReply, c.Addr)
	}
	return all.Groups, err
}

// RaftGroup asks for one of them.
func (c Client) RaftGroup(ctx context.Context, name string) (RaftGroup, error) {
	var g RaftGroup
	if err := checkRaftName("name", name); err != nil {
		return g, err
	}
	r := question{method: http.MethodGet, path: raftPath + "group", want: http.StatusOK}
	err := c.ask(ctx, r.with(ctx, url.Values{"name": {name}}), &g)
	if err == nil && g.Name == "" {
		err = fmt.Errorf("%w: %s: a group without a name", ErrBadReply, c.Addr)
	}
	return g, err
}

// TransferLeadership makes a member lead a group and waits until it does, confirmed by a majority. A *Refusal means that
// nothing was changed, except one that matches ErrUncertain. ErrUncertain also stands for an answer that was lost.
func (c Client) TransferLeadership(ctx context.Context, group, to string) (Transfer, error) {
	var t Transfer
	if err := checkRaftName("name", group); err != nil {
		return t, err
	}
	if err := checkRaftName("to", to); err != nil {
		return t, err
	}
	r := question{method: http.MethodPost, path: raftPath + "transfer", want: http.StatusOK}
	err := c.ask(ctx, r.with(ctx, url.Values{"name": {group}, "to": {to}}), &t)
	if err == nil && t.Leader == "" {
		err = fmt.Errorf("%w: %s: %w: it does not say who leads", ErrUncertain, c.Addr, ErrBadReply)
	}
	return t, err
}
