// A whole search with a generated client: a study, its trials, what to train with.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
	"os"

	"search/lrtune"
)

// connect gives a client of the service that LRTUNE_SERVER names.
func connect() *lrtune.APIClient {
	configuration := lrtune.NewConfiguration()
	if server := os.Getenv("LRTUNE_SERVER"); server != "" {
		configuration.Servers = lrtune.ServerConfigurations{{URL: server}}
	}
	if token := os.Getenv("LRTUNE_TOKEN"); token != "" {
		configuration.AddDefaultHeader("Authorization", "Bearer "+token)
	}
	return lrtune.NewAPIClient(configuration)
}

// told is what was wrong, in the service's own words where it answered.
func told(err error) error {
	var answered *lrtune.GenericOpenAPIError
	if errors.As(err, &answered) {
		if problem, ok := answered.Model().(lrtune.Problem); ok {
			return fmt.Errorf("%d %s: %s", problem.Status, problem.Title, problem.Detail)
		}
	}
	return err
}

// loss is what a training that diverges above 0.3 reports after some steps.
func loss(rate float64, step int64) lrtune.Loss {
	if rate > 0.3 {
		return lrtune.Loss{String: lrtune.PtrString("nan")}
	}
	return lrtune.Loss{Float64: lrtune.PtrFloat64(math.Abs(math.Log10(rate)+2) + 1/float64(step))}
}

// train asks for a trial and trains it; false where there is none left.
func train(ctx context.Context, client *lrtune.APIClient, study string) (bool, error) {
	asked, _, err := client.TrialsAPI.Ask(ctx, study).Ask(*lrtune.NewAsk("go")).Execute()
	if err != nil {
		return false, err
	}
	trial := asked.LeasedTrial
	if trial == nil {
		return !asked.NoTrial.Done, nil
	}
	rate, state := *trial.Params["learning_rate"].Float64, "complete"
	for step := int64(1); step <= *trial.MaxSteps.Get(); step++ {
		reports := lrtune.NewReports(trial.Lease, []lrtune.Report{*lrtune.NewReport(step, loss(rate, step))})
		verdict, _, err := client.TrialsAPI.Report(ctx, study, trial.Number).Reports(*reports).Execute()
		if err != nil {
			return false, err
		}
		if verdict.Verdict != "continue" {
			state = "pruned"
			if verdict.GetReason() == "diverged" {
				state = "diverged"
			}
			break
		}
	}
	result := lrtune.NewResult(trial.Lease, state)
	_, _, err = client.TrialsAPI.Result(ctx, study, trial.Number).Result(*result).Execute()
	return true, err
}

// create makes the study.
func create(ctx context.Context, client *lrtune.APIClient, name string) error {
	rate := lrtune.NewFloatParameter("float", 1e-4, 1)
	rate.SetLog(true)
	sampler := lrtune.NewRandomSampler("random")
	sampler.SetSeed(7)
	study := lrtune.NewCreateStudy(name)
	study.SetSearchSpace(map[string]lrtune.SearchSpaceValue{"learning_rate": lrtune.FloatParameterAsSearchSpaceValue(rate)})
	study.SetSampler(lrtune.RandomSamplerAsSampler(sampler))
	study.SetMaxTrials(4)
	study.SetMaxSteps(3)
	_, _, err := client.StudiesAPI.CreateStudy(ctx).CreateStudy(*study).Execute()
	return err
}

func search(ctx context.Context, client *lrtune.APIClient, name string) (*lrtune.Suggestion, error) {
	if err := create(ctx, client, name); err != nil {
		return nil, err
	}
	for {
		if more, err := train(ctx, client, name); err != nil {
			return nil, err
		} else if !more {
			break
		}
	}
	found, _, err := client.LearningRatesAPI.GetSuggestion(ctx, name).Execute()
	return found, err
}

func main() {
	ctx, client := context.Background(), connect()
	found, err := search(ctx, client, "from-go")
	if err != nil {
		log.Fatal(told(err))
	}
	_, _, err = client.StudiesAPI.GetStudy(ctx, "no-such-study").Execute()
	printed, _ := json.Marshal(map[string]any{
		"learning_rate": found.GetLearningRate(), "trials": found.Trials, "basis": found.Basis, "problem": told(err).Error(),
	})
	fmt.Println(string(printed))
}
