#!/usr/bin/env bash
#SBATCH --job-name=gclust
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
# One shard of a sweep, or of rank uncertainty, in each task of the array.
#
#   sbatch --array=1-16 array.sh sweep study.toml parts 16
#   sbatch --array=1-16 array.sh uncertainty study.toml parts 16
#
# The number of shards is given apart from --array, so that single shards can be computed again:
#
#   sbatch --array=3,7 array.sh sweep study.toml parts 16
set -euo pipefail
if [ "$#" -ne 4 ]; then
  echo "usage: sbatch --array=1-COUNT $0 sweep|uncertainty STUDY FOLDER COUNT" >&2
  exit 2
fi
command=$1 study=$2 parts=$3 count=$4
exec gclust "$command" "$study" --shard "$SLURM_ARRAY_TASK_ID/$count" \
  -o "$parts/$SLURM_ARRAY_TASK_ID" --threads "${SLURM_CPUS_PER_TASK:-1}"
