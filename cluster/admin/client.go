package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const maxReply = 16 << 20 // bytes

// A Client asks the member whose admin API listens at Addr (host:port, or unix:PATH). It keeps no connection open between requests and
// is safe for many goroutines. A context without a deadline gets RequestTimeout.
type Client struct {
	Addr string
}

// Status asks for the member's status. It fails with ErrUnreachable when nobody answers there, with ErrBadReply when
// somebody else does, and with the context's error when that ends first.
func (c Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.ask(ctx, question{method: http.MethodGet, path: "/v1/status", want: http.StatusOK}, &s)
	return s, err
}

// Switchover orders the group's standby to take over. A nil error means that the order is committed. A *Refusal means
// that nothing was ordered, except one that matches ErrUncertain. ErrUncertain also stands for an answer that was lost.
func (c Client) Switchover(ctx context.Context, group string) error {
	if err := checkGroup(group); err != nil {
		return err
	}
	_, err := c.do(ctx, question{
		method: http.MethodPost, path: "/v1/groups/" + url.PathEscape(group) + "/switchover", want: http.StatusAccepted,
	})
	return err
}

// A question is a request and the status of its answer if it is granted.
type question struct {
	method, path string
	body         []byte
	want         int
	or           int // another status of an answer, if not zero
}

// with adds parameters. The member is told how long we wait, so that it can say in time how a change stands.
func (r question) with(ctx context.Context, q url.Values) question {
	if deadline, has := ctx.Deadline(); has {
		if q == nil {
			q = url.Values{}
		}
		q.Set("timeout", (time.Until(deadline) * 9 / 10).String())
	}
	if len(q) > 0 {
		r.path += "?" + q.Encode()
	}
	return r
}

// ask sends a request and decodes its answer. One that cannot be read leaves open what became of a change.
func (c Client) ask(ctx context.Context, r question, into any) error {
	body, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	err = json.Unmarshal(body, into)
	switch {
	case err == nil:
		return nil
	case r.method != http.MethodGet:
		return fmt.Errorf("%w: %s: %w: %w", ErrUncertain, c.Addr, ErrBadReply, err)
	default:
		return fmt.Errorf("%w: %s: %w", ErrBadReply, c.Addr, err)
	}
}

// do sends one request and returns the body of the wanted answer, or what it was refused with.
func (c Client) do(ctx context.Context, r question) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout)
	defer cancel()
	body, err := c.open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // read to the end or given up
	all, err := io.ReadAll(io.LimitReader(body, maxReply+1))
	if err != nil {
		return nil, c.lost(r.method, err)
	}
	if len(all) > maxReply {
		return nil, fmt.Errorf("%w: %s: more than %d bytes", ErrBadReply, c.Addr, maxReply)
	}
	return all, nil
}

// open sends one request and returns the body of the wanted answer, to be read until ctx ends and to be closed, or what it
// was refused with.
func (c Client) open(ctx context.Context, r question) (io.ReadCloser, error) {
	host := c.Addr
	path, isUnix := strings.CutPrefix(c.Addr, UnixPrefix)
	if isUnix {
		host = "localhost" // not used to connect
	}
	req, err := http.NewRequestWithContext(ctx, r.method, "http://"+host+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("%w: address %q: %w", ErrBadRequest, c.Addr, rootCause(err))
	}
	// A transport of its own: no proxy from the environment can come between, and nothing outlives the request.
	transport := &http.Transport{DisableKeepAlives: true}
	if isUnix {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
	}
	resp, err := (&http.Client{Transport: transport, CheckRedirect: noRedirect}).Do(req)
	if err != nil {
		return nil, c.lost(r.method, err)
	}
	if resp.StatusCode == r.want || resp.StatusCode == r.or {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }() // read to the end or given up
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, c.lost(r.method, err)
	}
	return nil, c.refusal(resp, body)
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// lost tells a request that was never sent from one whose answer did not arrive, and from one that was sent to somebody else.
func (c Client) lost(method string, err error) error {
	// net/http has no errors to match. The second is of somebody who speaks before being asked.
	if text := err.Error(); strings.Contains(text, "malformed HTTP") || strings.Contains(text, "readLoopPeekFail") {
		return fmt.Errorf("%w: %s: this is no admin address, it answers something else than HTTP", ErrBadReply, c.Addr)
	}
	var op *net.OpError
	var dns *net.DNSError
	neverSent := errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
	if !neverSent && method != http.MethodGet {
		return fmt.Errorf("%w: %s: %w", ErrUncertain, c.Addr, rootCause(err))
	}
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, c.Addr, rootCause(err))
}

func (c Client) refusal(resp *http.Response, body []byte) error {
	r := Refusal{Status: resp.StatusCode}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&r); err != nil || r.Code == "" || r.Text == "" {
		return fmt.Errorf("%w: %s: HTTP status %s", ErrBadReply, c.Addr, resp.Status)
	}
	return &r
}
