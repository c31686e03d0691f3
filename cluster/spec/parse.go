package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// Load reads, parses and validates the file at path. Its error names the file; it is a *fs.PathError or an *Error inside.
func Load(path string) (*Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	s, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// MustLoad is Load for programs that cannot go on without the file: it panics with Load's error.
func MustLoad(path string) *Spec {
	s, err := Load(path)
	if err != nil {
		panic(err)
	}
	return s
}

// Parse reads one YAML document (JSON is YAML too), fills the defaults and validates it. Its error is an *Error.
func Parse(text []byte) (*Spec, error) {
	root, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	s, d := &Spec{}, decoder{lines: map[string]int{}}
	if err := d.decode(root, "", reflect.ValueOf(s).Elem()); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			e.Line = d.line(e.Field)
		}
		return nil, err
	}
	return s, nil
}

// parseYAML returns the root of the only document.
func parseYAML(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, &Error{Problem: "the document is empty"}
	} else if err != nil {
		return nil, syntaxError(err)
	}
	if err := dec.Decode(&more); err == nil {
		return nil, &Error{Problem: "more than one document: remove what follows the first ---", Line: more.Line}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, &Error{Problem: "the document is empty"}
	}
	return doc.Content[0], nil
}

func syntaxError(err error) *Error {
	e := &Error{Problem: "not YAML: " + strings.Join(strings.Fields(err.Error()), " ")}
	if at, ok := errors.AsType[*yaml.LoadError](err); ok {
		e.Problem, e.Line = "not YAML: "+strings.Join(strings.Fields(at.Message), " "), at.Mark.Line
	}
	return e
}

// A decoder fills Go values from YAML nodes and remembers where each field was written.
type decoder struct{ lines map[string]int }

// line returns the line of the field, or of the nearest thing that holds it.
func (d *decoder) line(field string) int {
	for field != "" {
		if n, ok := d.lines[field]; ok {
			return n
		}
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
	return 0
}

func (d *decoder) decode(n *yaml.Node, field string, v reflect.Value) error {
	d.lines[field] = n.Line
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return d.fail(n, field, n.Value, "anchors and aliases are not supported: write it out")
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil // as if it were not there
	}
	switch at := v.Addr().Interface().(type) {
	case *Duration:
		return d.duration(n, field, at)
	case *Size:
		return d.size(n, field, at)
	case *Tier:
		if n.Kind == yaml.ScalarNode {
			*at = Tier{n.Value}
			return nil
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.decode(n, field, v.Elem())
	case reflect.Struct:
		return d.object(n, field, v)
	case reflect.Map:
		return d.table(n, field, v)
	case reflect.Slice:
		return d.list(n, field, v)
	default:
		return d.scalar(n, field, v)
	}
}

func (d *decoder) fail(n *yaml.Node, field, value, problem string) error {
	return &Error{Field: field, Value: value, Problem: problem, Line: n.Line}
}

func (d *decoder) object(n *yaml.Node, field string, v reflect.Value) error {
	fields := map[string]int{}
	var known []string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		fields[name] = i
		known = append(known, name)
	}
	return d.entries(n, field, func(key, value *yaml.Node) error {
		i, ok := fields[key.Value]
		if !ok {
			return d.fail(key, join(field, key.Value), "", "unknown field: here may stand "+strings.Join(known, ", "))
		}
		return d.decode(value, join(field, key.Value), v.Field(i))
	})
}

func (d *decoder) table(n *yaml.Node, field string, v reflect.Value) error {
	return d.entries(n, field, func(key, value *yaml.Node) error {
		if v.IsNil() { // an empty mapping stays nil, the one form of nothing
			v.Set(reflect.MakeMap(v.Type()))
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if err := d.decode(value, join(field, key.Value), item); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key.Value), item)
		return nil
	})
}

// entries calls each with the pairs of a mapping and refuses a key that comes twice.
func (d *decoder) entries(n *yaml.Node, field string, each func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return d.fail(n, field, n.Value, "wrong kind of value: expected a mapping, such as {name: value}")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.ShortTag() == "!!merge" {
			return d.fail(key, field, key.Value, "a key must be a plain name")
		}
		if seen[key.Value] {
			return d.fail(key, join(field, key.Value), "", "stands here twice")
		}
		seen[key.Value] = true
		if err := each(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) list(n *yaml.Node, field string, v reflect.Value) error {
	if n.Kind != yaml.SequenceNode {
		return d.fail(n, field, n.Value, "wrong kind of value: expected a list, such as [a, b]")
	}
	if len(n.Content) > 0 {
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	}
	for i, item := range n.Content {
		if err := d.decode(item, fmt.Sprintf("%s[%d]", field, i), v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) scalar(n *yaml.Node, field string, v reflect.Value) error {
	if n.Kind != yaml.ScalarNode {
		return d.fail(n, field, "", "wrong kind of value: expected a single one, not a list or a mapping")
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Bool:
		if n.Value != "true" && n.Value != "false" {
			return d.fail(n, field, n.Value, "neither true nor false")
		}
		v.SetBool(n.Value == "true")
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if err != nil {
			return d.fail(n, field, n.Value, "not a whole number")
		}
		v.SetInt(int64(i))
	default:
		panic("spec: no decoding for " + v.Type().String()) // a field type was added to Spec without its case
	}
	return nil
}

func (d *decoder) duration(n *yaml.Node, field string, at *Duration) error {
	if n.Kind != yaml.ScalarNode {
		return d.scalar(n, field, reflect.ValueOf(new(string)).Elem())
	}
	var parsed Duration
	if err := parsed.UnmarshalText([]byte(n.Value)); err != nil {
		e, _ := errors.AsType[*Error](err)
		return d.fail(n, field, n.Value, e.Problem)
	}
	if parsed == 0 && !strings.HasSuffix(field, "failover_delay") {
		return d.fail(n, field, n.Value, "must be more than zero; leave it out for the default")
	}
	*at = parsed
	return nil
}

// join extends a path. A name that could be mistaken for something else, or would break the line, is quoted.
func join(field, name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		name = strconv.Quote(name)
	}
	if field == "" {
		return name
	}
	return field + "." + name
}

// MarshalYAML writes a tier of one member as its name.
func (t Tier) MarshalYAML() (any, error) { return t.shortest(), nil }

// MarshalJSON writes a tier of one member as its name.
func (t Tier) MarshalJSON() ([]byte, error) { return json.Marshal(t.shortest()) }

func (t Tier) shortest() any {
	if len(t) == 1 {
		return t[0]
	}
	return []string(t)
}

// UnmarshalJSON accepts a name or a list of names.
func (t *Tier) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = Tier{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}
