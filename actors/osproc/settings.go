package osproc

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/gendac/gendac/actors/app"
)

// settings are what the command's process takes on before it becomes the command. They travel as an argument of the guard.
type settings struct {
	User   *identity `json:"user,omitempty"`
	Umask  *int      `json:"umask,omitempty"`
	Limits Limits    `json:"limits"`
}

type identity struct {
	UID    int   `json:"uid"`
	GID    int   `json:"gid"`
	Groups []int `json:"groups"`

	name, home string
}

func (s settings) none() bool { return s.User == nil && s.Umask == nil && s.Limits == Limits{} }

func (s settings) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // numbers only
	}
	return string(text)
}

// settings looks the user up now: who that is may have changed since the last start.
func (c Config) settings() (settings, error) {
	s := settings{Umask: c.Umask, Limits: c.Limits}
	if c.User == "" {
		return s, nil
	}
	found, err := user.Lookup(c.User)
	if err != nil {
		if _, numeric := strconv.Atoi(c.User); numeric == nil {
			found, err = user.LookupId(c.User)
		}
	}
	if err != nil {
		return s, &ConfigError{"User", fmt.Sprintf("%q: %v", c.User, err)}
	}
	groups, err := found.GroupIds()
	if err != nil {
		return s, &ConfigError{"User", fmt.Sprintf("%q: its groups: %v", c.User, err)}
	}
	who := &identity{name: found.Username, home: found.HomeDir}
	for _, id := range append([]string{found.Uid, found.Gid}, groups...) {
		n, err := strconv.Atoi(id)
		if err != nil {
			return s, &ConfigError{"User", fmt.Sprintf("%q has the id %q, which is no number", c.User, id)}
		}
		who.Groups = append(who.Groups, n)
	}
	who.UID, who.GID, who.Groups = who.Groups[0], who.Groups[1], who.Groups[2:]
	s.User = who
	return s, nil
}

// inherited are the variables that a command has from its member unless told otherwise. A member's environment may hold
// secrets that are not the command's.
var inherited = []string{"PATH", "HOME", "TZ", "LANG"}

// environment is what the command finds: what it inherits, who it is, what was given, why it runs. Later ones win.
func (c Config) environment(ctx *app.Context, s app.Start, become settings) []string {
	var env []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); c.inherits(name) {
			env = append(env, variable)
		}
	}
	if who := become.User; who != nil {
		env = append(env, "HOME="+who.home, "USER="+who.name, "LOGNAME="+who.name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		env = append(env, name+"="+c.Env[name])
	}
	return append(env,
		"GENDAC_START="+s.Kind.String(),
		"GENDAC_FROM="+s.From,
		"GENDAC_EPOCH="+strconv.FormatUint(s.Epoch, 10),
		"GENDAC_ROLE="+s.Role.String(),
		"GENDAC_INSTANCE="+ctx.Instance(),
		"GENDAC_MEMBER="+ctx.Member(),
	)
}

func (c Config) inherits(name string) bool {
	return slices.Contains(inherited, name) || slices.ContainsFunc(c.EnvFrom, func(from string) bool {
		prefix, all := strings.CutSuffix(from, "*")
		return from == name || all && strings.HasPrefix(name, prefix)
	})
}
