#!/usr/bin/env bash
#SBATCH --job-name=gclust-gather
#SBATCH --mem=8G
#SBATCH --time=00:30:00
# The parts of all shards, joined to the result that one process would have written.
#
#   job=$(sbatch --parsable --array=1-16 array.sh sweep study.toml parts 16)
#   sbatch --dependency=afterok:"$job" gather.sh parts my-sweep
set -euo pipefail
if [ "$#" -ne 2 ]; then
  echo "usage: sbatch --dependency=afterok:JOB $0 FOLDER OUT" >&2
  exit 2
fi
exec gclust gather "$1"/* -o "$2"
