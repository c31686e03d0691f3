package consul

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxAnswer  = 16 << 20 // bytes of one answer: some ten thousand members
	maxRefusal = 512      // bytes that are kept of a refusal's text
)

var (
	errFiltered = errors.New("the answer is incomplete, because the token may not read all of it: " +
		"give the token service:read for the cluster's name and node:read for all nodes")
	errLeaderless = errors.New("the answer is old: the agent's servers have no leader")
	errTooLong    = errors.New("the answer is longer than a member reads")
)

// An AnswerError says that an agent refused a request, or that the answer is not one that a Consul agent gives. It is
// inside the error of Join, and in View.Err.
type AnswerError struct {
	Status int    // of HTTP: 403 is a token without the right
	Text   string // what the answer says, or what is wrong with it; one line
}

// Error returns one line.
func (e *AnswerError) Error() string {
	text := fmt.Sprintf("it answers %d: %s", e.Status, e.Text)
	if e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
		text += ": give the token service:write for the cluster's name and node:read for all nodes"
	}
	return text
}

// unknownService says that the agent knows no service of the id that it was asked about.
func (e *AnswerError) unknownService() bool {
	return e.Status == http.StatusNotFound && strings.Contains(e.Text, "unknown service")
}

// checked carries every request. It adds the token, and it judges every answer before Consul's client reads it: that
// client takes an answer without a header for one with zero in it, and a page of text for broken JSON.
type checked struct {
	inner http.RoundTripper
	token func() (string, error) // the token to send, or "" for the one that the request has
	most  int64                  // bytes of an answer
}

func (c checked) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("X-Consul-Token", token)
	}
	resp, err := c.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := judge(r, resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	resp.Body = &bounded{resp.Body, c.most}
	return resp, nil
}

// judge returns an *AnswerError unless resp is an answer that Consul's interface has for this request.
func judge(r *http.Request, resp *http.Response) error {
	isJSON := hasType(resp, "application/json")
	if strings.HasPrefix(r.URL.Path, "/v1/agent/health/service/id/") {
		switch resp.StatusCode {
		case http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable:
			if isJSON { // no such service, a warning, a critical one; anything else is text
				return nil
			}
		}
	}
	switch {
	case resp.StatusCode != http.StatusOK:
		return refusal(resp)
	case r.Method == http.MethodPut && resp.ContentLength > 0 && !isJSON, r.Method == http.MethodGet && !isJSON:
		return notConsul(resp, fmt.Sprintf("an answer of type %q", resp.Header.Get("Content-Type")))
	case strings.HasPrefix(r.URL.Path, "/v1/health/"):
		for header, least := range map[string]uint64{"X-Consul-Index": 1, "X-Consul-LastContact": 0} {
			got := resp.Header.Get(header)
			if n, err := strconv.ParseUint(got, 10, 63); err != nil || n < least {
				return notConsul(resp, fmt.Sprintf("an answer whose %s is %q", header, got))
			}
		}
	}
	return nil
}

// refusal is the error of an answer with a status that is none of success.
func refusal(resp *http.Response) *AnswerError {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // as much as there is
	e := &AnswerError{resp.StatusCode, strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "?")), " ")}
	if e.Text == "" || hasType(resp, "text/html") {
		e.Text = http.StatusText(resp.StatusCode)
	}
	return e
}

func notConsul(resp *http.Response, what string) *AnswerError {
	return &AnswerError{resp.StatusCode, what + ": is this the address of a Consul agent?"}
}

func hasType(resp *http.Response, want string) bool {
	got, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && got == want
}

// bounded fails a reader after so many bytes.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// plain keeps the cause of err and makes its text one line that says no more than needed: without the address asked, which
// whoever prints it names, and which may be long.
func plain(err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*AnswerError](err); ok {
		return refusal
	}
	cause := err
	if asked, ok := errors.AsType[*url.Error](err); ok {
		cause = asked.Err
	}
	text := strings.Join(strings.Fields(cause.Error()), " ")
	if text == err.Error() {
		return err
	}
	return lineError{text, err}
}

type lineError struct {
	text  string
	cause error
}

func (e lineError) Error() string { return e.text }
func (e lineError) Unwrap() error { return e.cause }
