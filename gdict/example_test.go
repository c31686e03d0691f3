package gdict_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"math"

	"github.com/gendac/gendac/gdict"
	"github.com/gendac/gendac/gdict/gdicttest"
)

type Price struct {
	Cents int64 `json:"cents"`
}

// raise is written once, for the leader that runs it and for whoever calls it.
var raise = gdict.TypedFunction[Price, int64]{Name: "raise", Version: 1, Update: func(old Price, by int64) (Price, error) {
	if old.Cents+by < 0 {
		return old, errors.New("a price below zero")
	}
	old.Cents += by
	return old, nil
}}

func ExampleOf() {
	member, stop, err := gdicttest.Run(gdict.Functions(raise.Function())) // in a program: a member of a cluster
	if err != nil {
		log.Fatal(err)
	}
	ctx, dict := context.Background(), member.Dict()
	prices := gdict.Of[string, Price](dict, "prices")
	stock := gdict.Of[string, int](dict, "stock")
	sales := gdict.OfLists[string, Price](dict, "sales")

	if _, err := prices.StoreMany(ctx, maps.All(map[string]Price{"apple": {120}, "pear": {90}})); err != nil {
		log.Fatal(err)
	}
	if _, err := stock.UpdateCounter(ctx, "apple", 1); err != nil {
		log.Fatal(err)
	}
	apple, err := prices.Update(ctx, "apple", raise.With(5))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("an apple costs", apple.Value.Cents)

	for range 2 { // sell one at this price, if there is one
		done, err := dict.Txn(ctx,
			gdict.If(stock.Cond().CounterIn("apple", 1, math.MaxInt64), prices.Cond().RevIs("apple", apple.Rev)),
			gdict.Then(stock.Op().UpdateCounter("apple", -1), sales.Op().AppendList("apple", apple.Value)))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("sold:", done.Succeeded)
	}
	sold, err := sales.Fetch("apple")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sales:", sold.Value)
	for price, err := range prices.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(price.Key, price.Value.Cents)
	}
	if err := stop(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// an apple costs 125
	// sold: true
	// sold: false
	// sales: [{125}]
	// apple 125
	// pear 90
}
