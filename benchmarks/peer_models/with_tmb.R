# TMB on one data set, in a process of its own: Rscript with_tmb.R CELLS.csv OUT DRAWS SEED BUILT
#
# lgcp.cpp with the priors of the other peers, maximised with the Laplace approximation; draws of field, mean and
# hyperparameters together come from the Gaussian with the joint precision at the maximum (sdreport, getJointPrecision).
# The lattice reaches 0.4 km beyond the grid. The installer has compiled the template in the folder BUILT.
suppressPackageStartupMessages({library(TMB); library(Matrix)})
given <- commandArgs(trailingOnly = TRUE)
cells <- read.csv(given[1])
draws <- as.integer(given[3])
set.seed(as.integer(given[4]))
used <- function() { t <- proc.time(); c(t[["elapsed"]], sum(t[c(1, 2, 4, 5)], na.rm = TRUE)) }  # children too
begun <- used()
dyn.load(file.path(given[5], dynlib("lgcp")))
ready <- used()
margin <- 8
rows <- max(cells$row) + 1 + 2 * margin
cols <- max(cells$col) + 1 + 2 * margin
cell <- abs(diff(sort(unique(cells$x)))[1])
path <- function(n) bandSparse(n, k = c(-1, 0, 1), diagonals = list(rep(-1, n - 1), c(1, rep(2, n - 2), 1), rep(-1, n - 1)))
g1 <- as(as((kronecker(Diagonal(cols), path(rows)) + kronecker(path(cols), Diagonal(rows))) / cell^2, "generalMatrix"), "CsparseMatrix")
node <- (cells$col + margin) * rows + cells$row + margin  # from 0
seen <- cells$searched == 1
detection <- cells$detection[1]
middle <- log(max(mean(cells$count[seen]), 1e-3) / detection)
data <- list(count = cells$count[seen], at = node[seen], detection = detection,
             eye = as(as(Diagonal(rows * cols), "generalMatrix"), "CsparseMatrix"), g1 = g1,
             g2 = as(as(g1 %*% g1, "generalMatrix"), "CsparseMatrix"), cell = cell, middle = middle)
start <- list(mean = middle, log_length = log(0.17), log_sd = 0, field = rep(0, rows * cols))
made <- MakeADFun(data, start, random = "field", DLL = "lgcp", silent = TRUE)
found <- nlminb(made$par, made$fn, made$gr, control = list(iter.max = 200, eval.max = 300))
report <- sdreport(made, getJointPrecision = TRUE, skip.delta.method = TRUE)
at_best <- made$env$last.par.best
precision <- report$jointPrecision
fixed <- names(at_best) != "field"
order_of <- c(which(!fixed), which(fixed))
precision <- forceSymmetric(precision[order_of, order_of])
factor <- Cholesky(precision, LDL = FALSE, perm = TRUE)
white <- matrix(rnorm(length(at_best) * draws), ncol = draws)
sampled <- as.matrix(solve(factor, solve(factor, white, system = "Lt"), system = "Pt")) + at_best[order_of]
field <- sampled[seq_len(rows * cols), ]
hyper <- sampled[-seq_len(rows * cols), ]
rownames(hyper) <- names(at_best)[fixed]
lambda <- exp(t(hyper["mean", ] + t(field[node + 1, ])))
done <- used()
writeBin(as.numeric(lambda), given[2])
cat(sprintf(paste0('{"compile_s": %f, "fit_s": %f, "fit_cpu_s": %f, "threads": 1, "r_hat": null, "ess_total": null, "divergent": null, "converged": %s, ',
                   '"version": "TMB %s", "notes": "length %.3f km, sd %.2f", "parameters": {"length": %f, "sd": %f, "mean": %f}}'),
            ready[1] - begun[1], done[1] - ready[1], done[2] - ready[2],
            tolower(found$convergence == 0 && isTRUE(report$pdHess)), packageVersion("TMB"),
            exp(found$par[["log_length"]]), exp(found$par[["log_sd"]]), exp(found$par[["log_length"]]),
            exp(found$par[["log_sd"]]), found$par[["mean"]]),
    file = paste0(given[2], ".json"))
