// Reads a file of rules as Prometheus does, and prints what they are made of.
//
// Here: the syntax of rules, expressions and templates, with Prometheus' own parser. Not here: whether the
// metrics exist, that is the tests.
//
//	alertrules FILE
//
// prints one JSON object: alert or record -> the selectors of its expression, each {metric, labels: [...]}; with status 1
// it says what is wrong.
package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

type selector struct {
	Metric string   `json:"metric"`
	Labels []string `json:"labels"`
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: alertrules FILE"))
	}
	reader := parser.NewParser(parser.Options{})
	groups, errs := rulefmt.ParseFile(os.Args[1], false, model.UTF8Validation, reader, slog.New(slog.DiscardHandler))
	fail(errs...)
	found := map[string][]selector{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			name := rule.Alert + rule.Record // a rule has one of them
			if _, taken := found[name]; taken {
				fail(fmt.Errorf("%s stands there twice", name))
			}
			expression, err := reader.ParseExpr(rule.Expr)
			if err != nil {
				fail(err)
			}
			found[name] = selectors(expression)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fail(err)
	}
}

func selectors(expression parser.Expr) []selector {
	all := []selector{}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		vector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		one := selector{Labels: []string{}}
		for _, matcher := range vector.LabelMatchers {
			if matcher.Name == labels.MetricName {
				one.Metric = matcher.Value
			} else {
				one.Labels = append(one.Labels, matcher.Name)
			}
		}
		all = append(all, one)
		return nil
	})
	return all
}

func fail(errs ...error) {
	for _, err := range errs {
		fmt.Fprintln(os.Stderr, "alertrules:", err)
	}
	if len(errs) > 0 {
		os.Exit(1)
	}
}
