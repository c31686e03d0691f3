package member_test

import (
	"errors"
	"testing"

	"github.com/gendac/gendac/cluster/member"
)

func TestFeedKeepsOnlyTheNewestView(t *testing.T) {
	f := member.NewFeed()
	view := func(name string) member.View {
		return member.View{Members: []member.Member{{Name: name}}, Source: member.Connected}
	}
	f.Publish(view("a"))
	f.Publish(view("b"))
	if v := <-f.Views(); v.Members[0].Name != "b" {
		t.Fatalf("read %v, want the newest", v)
	}
	f.Publish(view("b"))
	select {
	case v := <-f.Views():
		t.Fatalf("a view that says nothing new was delivered: %v", v)
	default:
	}
	f.Publish(view("c"))
	f.Close()
	f.Close()
	f.Publish(view("d"))
	if v, open := <-f.Views(); open {
		t.Fatalf("a view after Close: %v", v)
	}
}

func TestAnEmptyViewIsNotTheNewsThatEverybodyLeft(t *testing.T) {
	if (member.View{}).Source != member.Unreachable {
		t.Fatal("the zero View claims to be connected")
	}
}

func TestViewsWithDifferentReasonsDiffer(t *testing.T) {
	one := member.View{Err: errors.New("refused")}
	if !one.Equal(member.View{Err: errors.New("refused")}) || one.Equal(member.View{Err: errors.New("timeout")}) || one.Equal(member.View{}) {
		t.Fatal("Equal does not compare the reason")
	}
}
