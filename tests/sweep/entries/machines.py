"""Support vectors, neighbours, networks, Gaussian processes, clusters and outliers."""

from __future__ import annotations

from sklearn.cluster import AffinityPropagation, Birch, BisectingKMeans, FeatureAgglomeration, KMeans, MeanShift, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, WhiteKernel
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNeighborsTransformer,
    LocalOutlierFactor,
    NearestCentroid,
    NeighborhoodComponentsAnalysis,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    RadiusNeighborsTransformer,
)
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR, OneClassSVM

from tests.sweep.judge import Entry

SVM, NEAR, NET, GAUSS, CLUSTER, OTHER = (
    "Support vector machines",
    "Neighbours",
    "Neural networks",
    "Gaussian processes and mixtures",
    "Clusters and outliers",
    "Other predictors",
)
_NET = {"hidden_layer_sizes": (5,), "max_iter": 40}

ENTRIES = [
    Entry(SVM, LinearSVC(), "unit", "two"),
    Entry(SVM, LinearSVC(loss="hinge", multi_class="crammer_singer"), "unit", "three"),
    Entry(SVM, LinearSVR(), "unit", "value"),
    Entry(SVM, SVC(), "unit", "two"),
    Entry(SVM, SVC(), "unit", "three"),
    Entry(SVM, SVC(kernel="linear"), "unit", "two"),
    Entry(SVM, SVC(kernel="linear", decision_function_shape="ovo"), "unit", "three"),
    Entry(SVM, SVC(kernel="poly", degree=2, coef0=1.0), "unit", "three"),
    Entry(SVM, SVC(kernel="sigmoid", gamma=0.3), "unit", "two"),
    Entry(SVM, SVC(probability=True), "unit", "three"),
    Entry(SVM, SVC(break_ties=True, class_weight="balanced"), "unit", "numbered"),
    Entry(SVM, NuSVC(nu=0.3), "unit", "two"),
    Entry(SVM, SVR(), "unit", "value"),
    Entry(SVM, SVR(kernel="poly", degree=2), "unit", "value"),
    Entry(SVM, NuSVR(kernel="linear"), "unit", "value"),
    Entry(SVM, OneClassSVM(), "unit"),
    Entry(NEAR, KNeighborsClassifier(3), "unit", "two"),
    Entry(NEAR, KNeighborsClassifier(4, weights="distance"), "unit", "three"),
    Entry(NEAR, KNeighborsClassifier(4, metric="manhattan", algorithm="brute"), "codes", "three"),
    Entry(NEAR, KNeighborsClassifier(3, p=3, algorithm="kd_tree"), "unit", "numbered"),
    Entry(NEAR, KNeighborsClassifier(3, metric="cosine"), "unit", "two"),
    Entry(NEAR, KNeighborsClassifier(3), "unit", "two labels"),
    Entry(NEAR, KNeighborsRegressor(3), "unit", "value"),
    Entry(NEAR, KNeighborsRegressor(3, weights="distance", metric="chebyshev"), "unit", "value"),
    Entry(NEAR, KNeighborsTransformer(n_neighbors=3), "unit"),
    Entry(NEAR, RadiusNeighborsClassifier(3.0), "unit", "two"),
    Entry(NEAR, RadiusNeighborsClassifier(1.0, outlier_label="most_frequent", weights="distance"), "unit", "three"),
    Entry(NEAR, RadiusNeighborsRegressor(3.0), "unit", "value"),
    Entry(NEAR, RadiusNeighborsTransformer(radius=1.0), "unit"),
    Entry(NEAR, NearestCentroid(), "unit", "three"),
    Entry(NEAR, NearestCentroid(metric="manhattan"), "unit", "two"),
    Entry(NEAR, NearestCentroid(shrink_threshold=0.2), "unit", "numbered"),
    Entry(NEAR, NeighborhoodComponentsAnalysis(n_components=2, max_iter=5), "unit", "two"),
    Entry(NEAR, LocalOutlierFactor(5, novelty=True), "unit"),
    Entry(NET, MLPClassifier(**_NET), "unit", "two"),
    Entry(NET, MLPClassifier(**_NET, activation="tanh"), "unit", "three"),
    Entry(NET, MLPClassifier(hidden_layer_sizes=(4, 3), max_iter=40, activation="logistic", solver="lbfgs"), "unit", "flag"),
    Entry(NET, MLPRegressor(**_NET), "unit", "value"),
    Entry(NET, MLPRegressor(**_NET, activation="identity"), "unit", "value"),
    Entry(NET, MLPRegressor(**_NET, activation="tanh"), "unit", "two values"),
    Entry(NET, BernoulliRBM(n_components=3, n_iter=2), "flags"),
    Entry(GAUSS, GaussianProcessRegressor(RBF() + WhiteKernel()), "unit", "value"),
    Entry(GAUSS, GaussianProcessRegressor(Matern(nu=1.5), normalize_y=True, alpha=0.1), "unit", "value"),
    Entry(GAUSS, GaussianProcessRegressor(DotProduct(), alpha=0.1), "unit", "value"),
    Entry(GAUSS, GaussianProcessClassifier(), "unit", "two"),
    Entry(GAUSS, GaussianProcessClassifier(RBF()), "unit", "three"),
    Entry(GAUSS, GaussianMixture(3), "unit"),
    Entry(GAUSS, GaussianMixture(2, covariance_type="diag"), "unit"),
    Entry(GAUSS, BayesianGaussianMixture(n_components=2, max_iter=20), "unit"),
    Entry(CLUSTER, KMeans(3), "unit"),
    Entry(CLUSTER, KMeans(4, algorithm="elkan"), "numbers"),
    Entry(CLUSTER, MiniBatchKMeans(3), "unit"),
    Entry(CLUSTER, BisectingKMeans(3), "unit"),
    Entry(CLUSTER, Birch(n_clusters=3), "unit"),
    Entry(CLUSTER, Birch(n_clusters=None, threshold=0.8), "unit"),
    Entry(CLUSTER, MeanShift(bandwidth=1.5), "unit"),
    Entry(CLUSTER, AffinityPropagation(damping=0.8), "unit"),
    Entry(CLUSTER, FeatureAgglomeration(2), "unit"),
    Entry(CLUSTER, EllipticEnvelope(), "unit"),
    Entry(OTHER, KernelRidge(), "unit", "value"),
    Entry(OTHER, KernelRidge(kernel="rbf", gamma=0.5), "unit", "value"),
    Entry(OTHER, IsotonicRegression(out_of_bounds="clip"), "one", "value"),
    Entry(OTHER, IsotonicRegression(), "one", "value"),
    Entry(OTHER, PLSRegression(2), "unit", "value"),
    Entry(OTHER, PLSRegression(1, scale=False), "unit", "value"),
    Entry(OTHER, PLSRegression(2), "unit", "two values"),
    Entry(OTHER, PLSCanonical(1), "unit", "value"),
    Entry(OTHER, CCA(1), "unit", "value"),
    Entry(OTHER, PLSSVD(1), "unit", "value"),
    Entry(OTHER, DummyClassifier(), "texts", "three"),
    Entry(OTHER, DummyClassifier(strategy="stratified"), "unit", "two"),
    Entry(OTHER, DummyClassifier(strategy="constant", constant=1), "gaps", "two"),
    Entry(OTHER, DummyRegressor(strategy="median"), "gaps", "value"),
    Entry(OTHER, LabelPropagation(), "unit", "some"),
    Entry(OTHER, LabelSpreading(kernel="knn", n_neighbors=3), "unit", "some"),
    Entry(OTHER, SelfTrainingClassifier(GaussianNB()), "unit", "some"),
]
